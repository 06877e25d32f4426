import Plots
import Synchronization

/// How the results of several checkpoints are written, one after the other.
struct CheckpointReport<Found: Encodable> {
    let format: PictureFormat
    /// The header line of tsv.
    let header: String
    /// Writes the rows of one checkpoint in tsv.
    let rows: (Found, ResultStream) throws -> Void
    /// The row of a checkpoint that failed.
    let failedRow: (FailedCheckpoint) -> String
    /// Writes one checkpoint as text.
    let text: (Found, ResultStream) throws -> Void
    /// One checkpoint's lines of jsonl.
    let lines: (CheckpointResult<Found>) -> [any Encodable]
    /// The json document of all.
    let document: ([CheckpointResult<Found>]) -> any Encodable
    /// What is drawn before the pictures of the document.
    var layerPictures: () -> (any LayerPictures)? = { nil }

    /// Whether a checkpoint that failed has a place in the result: in text, where others may follow; for programs always.
    func hasPlace(forFailed inputs: CheckpointListOptions) -> Bool {
        switch format.report {
        case .json, .jsonl, .tsv: true
        case .text, nil: inputs.mayBeSeveral
        }
    }

    /// Writes one checkpoint's part in a format that is written part by part.
    func write(_ result: CheckpointResult<Found>, _ format: ReportFormat, to stream: ResultStream) throws {
        if case .worked(let worked) = result { return try stream.write(worked.bytes) }
        switch format {
        case .json: break
        case .jsonl: for line in lines(result) { try ReportEncoder.write(line, isIndented: false, to: stream) }
        case .tsv:
            switch result {
            case .ok(let found): try rows(found, stream)
            case .failed(let failure): try stream.write(failedRow(failure))
            case .worked: break
            }
        case .text:
            switch result {
            case .ok(let found): try text(found, stream)
            case .failed(let failure): try stream.write(failure.text)
            case .worked: break
            }
        }
    }
}

/// Where a report is written; opened before it is computed.
enum ReportTarget {
    case stream(ResultStream)
    case pictures(PictureOutput)

    init(_ format: PictureFormat, _ output: OutputOptions, _ fileUse: FileUse) throws {
        self = format == .svg ? .pictures(try PictureOutput(output, fileUse)) : .stream(try output.resultStream())
    }
}

/// The output of the results of several checkpoints. If a signal arrives, finished results are written before the process ends.
final class CheckpointReportWriter<Found: Encodable>: @unchecked Sendable {
    private let report: CheckpointReport<Found>
    private let target: ReportTarget
    /// Guards all that follows.
    private let lock = Mutex(())
    private var results: [CheckpointResult<Found>] = []
    private var count = 0
    /// What was done before something that precedes it, by its place.
    private var early: [Int: (result: CheckpointResult<Found>?, announce: () -> Void)] = [:]
    /// The place of what is added next.
    private var next = 0
    /// Whether the result is complete: nothing is written after its end.
    private var isComplete = false

    init(_ report: CheckpointReport<Found>, to target: ReportTarget) {
        self.report = report
        self.target = target
    }

    /// Writes one checkpoint's part, or keeps it where the format is one document.
    func add(_ result: CheckpointResult<Found>) throws { try lock.withLock { _ in try take(result) } }

    /// The same for checkpoints that are not done in their order: each is added once all before it are.
    ///
    /// - Parameters:
    ///   - place: the checkpoint's, from 0.
    ///   - result: nil for none.
    ///   - announce: called before it is added.
    func add(_ place: Int, _ result: CheckpointResult<Found>?, _ announce: @escaping () -> Void) throws {
        try lock.withLock { _ in
            early[place] = (result, announce)
            while let entry = early.removeValue(forKey: next) {
                next += 1
                entry.announce()
                if let result = entry.result { try take(result) }
            }
        }
    }

    private func take(_ result: CheckpointResult<Found>) throws {
        guard !isComplete else { return }
        count += 1
        guard let format = report.format.report, format != .json, case .stream(let stream) = target else {
            results.append(result)
            return
        }
        if format == .tsv, count == 1 { try stream.write(report.header) }
        if format == .text, count > 1 { try stream.write("\n") }
        try report.write(result, format, to: stream)
        try stream.flush()
    }

    /// Completes the result, unless there is nothing in it.
    func finish() throws { try lock.withLock { _ in try complete() } }

    /// Completes the result with what is in it when a signal came, and calls `body` with the number of its checkpoints.
    func interrupt(_ body: (Int) -> Void) {
        lock.withLock { _ in
            for (_, entry) in early.sorted(by: { $0.key < $1.key }) {
                entry.announce()
                if let result = entry.result { try? take(result) }
            }
            try? complete()
            body(count)
        }
    }

    private func complete() throws {
        guard count > 0, !isComplete else { return }
        isComplete = true
        switch target {
        case .pictures(let pictures): try pictures.write(report.document(results), after: report.layerPictures())
        case .stream(let stream):
            if report.format == .json { try ReportEncoder.write(report.document(results), isIndented: true, to: stream) }
            try stream.finish()
        }
    }
}

extension CheckpointRun {
    /// Calls `body` with each checkpoint and writes what it returns. One that fails is reported, has its place in the result, and the others
    /// are still processed. The last line on standard error then counts the failures.
    ///
    /// - Throws: the exit status 1 where one has failed, and what keeps the result from being written.
    func report<Found: Encodable & SendableMetatype>(
        _ inputs: CheckpointListOptions, _ report: CheckpointReport<Found>, to target: ReportTarget, _ body: (String) throws -> Found
    ) throws {
        let paths = try inputs.paths()
        let writer = writer(of: paths, report, to: target)
        for path in paths {
            if let found = try attempt(
                path, { try body(path) },
                failed: { problem in
                    if report.hasPlace(forFailed: inputs) { try writer.add(.failed(FailedCheckpoint(path: path, problem))) }
                })
            {
                try writer.add(.ok(found))
            }
        }
        try writer.finish()
        try end(of: paths.count)
    }

    /// What writes a report, and its finished part when a signal comes.
    func writer<Found: Encodable & SendableMetatype>(
        of paths: [String], _ report: CheckpointReport<Found>, to target: ReportTarget
    ) -> CheckpointReportWriter<Found> {
        let writer = CheckpointReportWriter(report, to: target)
        if paths.count > 1 {
            let diagnostics = diagnostics
            let total = paths.count
            Interruption.watch {
                writer.interrupt { done in diagnostics.failure("interrupted: \(done) of \(total) checkpoints are in the result") }
            }
        }
        return writer
    }
}
