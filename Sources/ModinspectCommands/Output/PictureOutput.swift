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
    ///
    /// - Parameter layers: come first; in a directory each is made, written and forgotten before the next.
    func write(_ figures: [PlotFigure], after layers: (any LayerPictures)? = nil) throws {
        switch kind {
        case .sheet(let stream):
            try stream.write(PlotSheet.svg(([try layers?.sheet()]).compactMap(\.self) + figures))
            try stream.finish()
        case .directory(let path):
            if !FilePath.isDirectory(path), mkdir(path, 0o777) != 0 {
                throw Destination.failure(Problem(cannot: "create", path: path, code: errno))
            }
            func target(_ name: String) -> String { path + (path.hasSuffix("/") ? "" : "/") + name + ".svg" }
            let names = layers?.fileNames ?? []
            var use = fileUse
            for name in names + figures.map(\.name) { use.write("--output", target(name)) }
            try use.check()
            func write(_ figure: PlotFigure, _ name: String) throws {
                let stream = ResultStream(try Destination(path: target(name)))
                try stream.write(PlotSheet.svg([figure]))
                try stream.finish()
            }
            if let layers {
                for (number, name) in names.enumerated() { try write(try layers.figure(number), name) }
            }
            for figure in figures { try write(figure, figure.name) }
        }
    }

    /// Draws a report from its JSON, as `plot` does from a file.
    func write(_ report: some Encodable, after layers: (any LayerPictures)? = nil) throws {
        let bytes = try ReportEncoder.bytes(of: report, isIndented: false)
        try write(PlottedResult.figures(of: [try PlottedResult(bytes, path: "the result")]), after: layers)
    }
}
