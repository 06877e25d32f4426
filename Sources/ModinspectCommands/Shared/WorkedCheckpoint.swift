import ArgumentParser
import Auditing
import Text

/// A checkpoint's part of a result, as the process that worked on it has written it in the result's format.
struct WorkedCheckpoint: Encodable {
    /// What became of the checkpoint; the first byte of an answer.
    enum Status: UInt8 {
        case ok
        /// A limit that was requested is missed.
        case missed
        case failed
        /// Wrong usage, which ends everything: the bytes are the message.
        case wrongUsage
    }

    let status: Status
    let bytes: [UInt8]

    /// Objects of json are written as they stand in a list that is a member of the document.
    static let depth = 2

    /// The answer of a worker.
    var answer: [UInt8] { [status.rawValue] + bytes }

    init(_ status: Status, _ bytes: [UInt8]) {
        self.status = status
        self.bytes = bytes
    }

    init?(answer: [UInt8]) {
        guard let first = answer.first, let status = Status(rawValue: first) else { return nil }
        self.init(status, Array(answer.dropFirst()))
    }

    func encode(to encoder: any Encoder) throws {
        preconditionFailure("only ReportEncoder writes what is JSON already")
    }
}

extension CheckpointReport {
    /// A checkpoint's part of a result in the report's format.
    private func part(_ result: CheckpointResult<Found>) throws -> [UInt8] {
        guard let format = format.report, format != .json else {
            var text = try ReportEncoder.bytes(of: result, isIndented: true).dropLast()[...]
            let lineEnd = UInt8(ascii: "\n")
            let indentation = [UInt8](repeating: UInt8(ascii: " "), count: 2 * WorkedCheckpoint.depth)
            var bytes: [UInt8] = []
            while let end = text.firstIndex(of: lineEnd) {
                bytes += text[...end] + indentation
                text = text[(end + 1)...]
            }
            return bytes + text
        }
        let stream = ResultStream()
        try write(result, format, to: stream)
        return stream.collected
    }

    /// What a worker answers for a checkpoint.
    ///
    /// - Parameter body: makes the result, and whether it keeps the limits that were requested.
    func worked(_ path: String, _ diagnostics: Diagnostics, _ body: (String) throws -> (found: Found, isMet: Bool)) -> [UInt8] {
        do {
            var failure: FailedCheckpoint?
            let run = CheckpointRun(diagnostics: diagnostics)
            let found = try run.attempt(path, { try body(path) }, failed: { failure = FailedCheckpoint(path: path, $0) })
            if let found {
                return WorkedCheckpoint(found.isMet ? .ok : .missed, try part(.ok(found.found))).answer
            }
            guard let failure else { preconditionFailure("a checkpoint without a result that has not failed") }
            return WorkedCheckpoint(.failed, try part(.failed(failure))).answer
        } catch {
            return WorkedCheckpoint(.wrongUsage, Array(((error as? ValidationError)?.message ?? "\(error)").utf8)).answer
        }
    }
}

extension CheckpointRun {
    /// As ``report(_:_:to:_:)`` with checkpoints that other processes work on: the result has the same bytes.
    ///
    /// - Returns: whether all of them keep the limits that were requested.
    func report<Found: Encodable & SendableMetatype>(
        _ inputs: CheckpointListOptions, _ report: CheckpointReport<Found>, to target: ReportTarget, by command: some WorkedCommand,
        label: String
    ) throws -> Bool {
        let paths = try inputs.paths()
        let writer = writer(of: paths, report, to: target)
        let progress = command.output.progressBar(label, total: paths.count, unit: "checkpoints")
        defer { progress.finish() }
        var isMet = true
        var failures = 0
        try command.work(on: paths) { place, answer in
            let path = paths[place]
            let worked: WorkedCheckpoint
            var words: [UInt8] = []
            switch answer {
            case .done(let bytes, let said):
                guard let known = WorkedCheckpoint(answer: bytes) else { preconditionFailure("an answer that this program did not write") }
                if known.status == .wrongUsage { throw ValidationError(String(decoding: known.bytes, as: UTF8.self)) }
                (worked, words) = (known, said)
            case .ended(let end):
                let problem = Problem(end.description(of: path), path: path)
                words = Array(("modinspect: " + OptionNames.line(of: problem)).singleLine.utf8) + [UInt8(ascii: "\n")]
                worked = try report.worked(failing: FailedCheckpoint(path: path, problem))
            }
            if worked.status == .failed { failures += 1 }
            if worked.status == .missed { isMet = false }
            let hasPlace = worked.status != .failed || report.hasPlace(forFailed: inputs)
            try writer.add(place, hasPlace ? .worked(worked) : nil) { Diagnostics.pass(words) }
            progress.advance { failures == 0 ? "" : "\(ByteText.grouped(failures)) failed" }
        }
        progress.finish()
        try writer.finish()
        count(failures: failures)
        try end(of: paths.count)
        return isMet
    }
}

extension CheckpointReport {
    fileprivate func worked(failing failure: FailedCheckpoint) throws -> WorkedCheckpoint {
        WorkedCheckpoint(.failed, try part(.failed(failure)))
    }
}
