import Archives
import Glibc
import Plots
import Text

/// Where pictures go: one sheet to a file or standard output, or each into a file of its own in a directory.
struct PictureOutput {
    private enum Kind {
        case sheet(ResultStream)
        case directory(String)
    }

    private let kind: Kind
    private let fileUse: FileUse

    init(_ output: OutputOptions, _ fileUse: FileUse) throws {
        self.fileUse = fileUse
        kind = output.isDirectory ? .directory(output.path) : .sheet(try output.resultStream())
    }

    /// Writes the pictures; each file appears complete or not at all.
    func write(_ figures: [PlotFigure]) throws {
        switch kind {
        case .sheet(let stream):
            try stream.write(PlotSheet.svg(figures))
            try stream.finish()
        case .directory(let path):
            if !FilePath.isDirectory(path), mkdir(path, 0o777) != 0 {
                throw Destination.failure(Problem(cannot: "create", path: path, code: errno))
            }
            let targets = figures.map { path + (path.hasSuffix("/") ? "" : "/") + $0.name + ".svg" }
            var use = fileUse
            for target in targets { use.write("--output", target) }
            try use.check()
            for (figure, target) in zip(figures, targets) {
                let stream = ResultStream(try Destination(path: target))
                try stream.write(PlotSheet.svg([figure]))
                try stream.finish()
            }
        }
    }

    /// Draws a report from its JSON, as `plot` does from a file.
    func write(_ report: some Encodable) throws {
        let bytes = try ReportEncoder.bytes(of: report, isIndented: false)
        try write(PlottedResult.figures(of: [try PlottedResult(bytes, path: "the result")]))
    }
}
