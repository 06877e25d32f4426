import Checkpoints
import Tensors
import Text

/// An audit: rows for many checkpoints, each computed by a worker unless it is known from before.
package struct AuditRun {
    /// How the work is divided.
    package struct Team: Sendable {
        /// The number of workers.
        package var size: Int
        /// The cores that each of them uses.
        package var threads = 1
        package var limits = WorkerTeam.Limits()
        /// A descriptor that can be read when no more checkpoints shall be begun; -1 for none.
        package var stop: Int32 = -1
        package var program = WorkerTeam.ownProgram

        package init(size: Int) { self.size = size }
    }

    /// What came of an audit.
    package struct Outcome {
        /// In natural order of their names, completed.
        package var rows: [AuditRow] = []
        /// How many rows were known from before.
        package var knownCount = 0
        /// Whether every checkpoint has a row.
        package var isComplete = true
    }

    private let settings: AuditSettings
    private let found: CheckpointDiscovery.Result
    private let journal: Journal?

    /// - Parameters:
    ///   - found: the checkpoints; see ``part(_:of:)``.
    ///   - journal: where rows go and come from; nil for a run that leaves none.
    package init(_ found: CheckpointDiscovery.Result, settings: AuditSettings, journal: Journal?) {
        self.found = found
        self.settings = settings
        self.journal = journal
    }

    /// The checkpoints of one shard.
    package static func part(_ shard: Shard?, of found: CheckpointDiscovery.Result) -> CheckpointDiscovery.Result {
        guard let shard else { return found }
        var part = found
        part.checkpoints = found.checkpoints.filter { shard.contains($0.name) }
        part.unreadable = found.unreadable.filter { shard.contains($0.place.name) }
        return part
    }

    /// Works on all checkpoints.
    ///
    /// - Parameter advance: called after each with its name and its status, with nil for one that was known.
    /// - Throws: ``Problem`` if results cannot be written, or if no worker can be started.
    package func run(_ team: Team, advance: (String, AuditStatus?) -> Void) throws -> Outcome {
        var outcome = Outcome()
        var lines: [[UInt8]] = []
        lines.reserveCapacity(found.checkpoints.count)
        var waiting: [Int] = []
        var earlier: [Int: [UInt8]] = [:]
        for (place, checkpoint) in found.checkpoints.enumerated() {
            switch journal?.known(checkpoint) {
            case .row(let line):
                lines.append(line)
                outcome.knownCount += 1
                advance(checkpoint.name, nil)
            case .rowIfHashed(let line):
                earlier[place] = line
                waiting.append(place)
            case nil: waiting.append(place)
            }
        }
        func add(_ line: [UInt8]) throws {
            try journal?.append(line)
            lines.append(line)
        }
        for (place, problem) in found.unreadable {
            let row = AuditRow(checkpoint: place, status: .failed, reason: "the directory cannot be read: " + problem.summary)
            try add(row.line)
            advance(place.name, .failed)
        }
        var next = waiting.makeIterator()
        let workers = WorkerTeam(
            program: team.program, greeting: AuditTask.greeting(settings, threads: team.threads),
            size: min(team.size, max(1, waiting.count)), limits: team.limits, stop: team.stop)
        do {
            outcome.isComplete = try workers.run(
                tasks: { next.next().map { AuditTask.bytes(found.checkpoints[$0], earlier: earlier[$0]) } },
                answered: { number, answer in
                    let (line, status) = Self.line(answer, of: found.checkpoints[waiting[number]])
                    try add(line)
                    advance(found.checkpoints[waiting[number]].name, status)
                })
        } catch {
            try? journal?.sync()
            throw error
        }
        outcome.rows = AuditRow.completed(try Self.rows(of: lines).sorted { $0.name.precedesNaturally($1.name) })
        if outcome.isComplete { try journal?.finish(outcome.rows) } else { try journal?.sync() }
        return outcome
    }

    /// The rows of lines, read on all cores: no worker is busy any more.
    private static func rows(of lines: [[UInt8]]) throws -> [AuditRow] {
        let pieces = min(Parallel.availableCores, max(1, lines.count / 64))
        return try Parallel.map(count: pieces, threads: pieces) { piece in
            try lines[piece * lines.count / pieces..<(piece + 1) * lines.count / pieces].map { try AuditRow(line: $0) }
        }.flatMap { $0 }
    }

    /// The row of what a worker answered, or of how it ended.
    private static func line(_ answer: WorkerTeam.Answer, of checkpoint: FoundCheckpoint) -> (line: [UInt8], status: AuditStatus) {
        switch answer {
        case .done(let line, _): return (line, AuditRow.status(ofLine: line))
        case .ended(let end):
            let status: AuditStatus =
                switch end.reason {
                case .timeout: .timeout
                case .memory: .memory
                case .signal, .status: end.isFailure ? .failed : .crashed
                }
            let reason = PathText.plain(checkpoint.path).map { end.description(of: $0) } ?? end.description
            let row = AuditRow(checkpoint: checkpoint, status: status, reason: reason)
            return (row.line, status)
        }
    }
}

extension AuditRow {
    /// The status in a row's line, of which nothing else is read.
    fileprivate static func status(ofLine line: [UInt8]) -> AuditStatus {
        line.withUnsafeBytes { bytes in
            let cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            return (try? cursor.string(under: "status")).flatMap { $0 }.flatMap { AuditStatus(rawValue: $0) } ?? .failed
        }
    }
}
