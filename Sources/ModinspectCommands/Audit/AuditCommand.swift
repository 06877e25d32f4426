import Archives
import ArgumentParser
import Auditing
import Checkpoints
import Glibc
import Modularity
import Text

struct AuditCommand: FileCommand, ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Examines and scores many checkpoints, unattended.",
        usage: "modinspect audit [<options>] <paths> ...\nmodinspect audit --merge [<options>] <results> ...",
        discussion: """
            Searches directories for checkpoints, each model once, and gives each a row: what it is, its scores, what is wrong with it. \
            Optimiser states, tokenizers and arrays of data are passed over. Other processes do the work, each on one checkpoint at a time: \
            one that crashes, hangs or needs too much memory becomes a row with that status, and the others go on.

            Status: \(AuditStatus.allCases.map { "\($0.rawValue): \($0.documentation)" }.joined(separator: " "))

            With -o, rows are kept as they are done. The same command again continues a run that was cut off, and works only on files that \
            have changed. The result is the same, byte for byte, for any number of jobs, interruptions and shards.
            """)

    @OptionGroup var inputs: AuditInputOptions

    @Option(help: "The format of what is written to standard output.")
    var format = AuditFormat.text

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Keep the rows in FILE, one line of JSON each: it grows as they are done, and is sorted at the end.",
            discussion: "Whatever --format says: what that names goes to standard output, so that one run gives both.", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Discard the rows that the file of --output already has.")
    var restart = false

    @Flag(help: "Show which checkpoints there are and which of them would be worked on, in the formats text, tsv or jsonl.")
    var list = false

    @Flag(help: "Merge the results of audits: those of all shards, or of different directories.")
    var merge = false

    @Option(
        help: ArgumentHelp(
            "Work only on part I of N of the checkpoints, counted from 1, which depends on their names.", valueName: "i/n"),
        transform: { try AuditCommand.shard($0) })
    var shard: Shard?

    @Option(
        help: ArgumentHelp("The number of processes that work at the same time; one for each core without this option.", valueName: "n"))
    var jobs: Int?

    @Option(help: ArgumentHelp("The cores that each of them uses; the result does not depend on it.", valueName: "n"))
    var threads = 1

    @Option(
        help: ArgumentHelp("End the work on a checkpoint after X seconds; 3600 without this option, and 0 sets no limit.", valueName: "x"),
        transform: { try NumberRange.seconds.number($0) })
    var timeout: Double?

    @Option(
        help: ArgumentHelp("End the work on a checkpoint that needs more memory than SIZE, such as 500M or 2G.", valueName: "size"),
        transform: { try ByteCount($0) })
    var memory: ByteCount?

    @OptionGroup var judgement: AuditJudgementOptions

    @Option(
        name: .customLong("null"),
        help: ArgumentHelp(
            "Compare with N permutations of each layer's weights: mean, standard deviation, z, p and, over all layers, q.", valueName: "n"))
    var nullSamples = 0

    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var layers: LayerOptions<ModelLayers>

    @Option(help: ArgumentHelp("The seed of every random choice.", valueName: "n"), transform: { try Seed.number($0) })
    var seed: UInt64 = 0

    @OptionGroup var remarks: RemarkOptions

    var diagnostics: Diagnostics { remarks.diagnostics }

    var listed: [String] { inputs.paths }

    var fileUse: FileUse {
        var use = FileUse(reading: inputs.inputs + judgement.inputs, writing: [])
        // Rows may be kept in a directory that is searched: they are no checkpoint.
        for path in inputs.paths where merge || !FilePath.isDirectory(path) { use.read(merge ? "a result" : "a path", path) }
        if !list { use.write("--output", output == "-" ? nil : output, merge ? .replaced : .appended) }
        return use
    }

    /// How long a checkpoint may take, in seconds: longer than the largest models need, unless they are compared with many permutations.
    private static let standardTimeout = 3600.0

    private static func shard(_ text: String) throws -> Shard {
        guard let shard = Shard(text) else {
            throw ValidationError("--shard must be I/N with I from 1 to N, found '\(text)'")
        }
        return shard
    }

    mutating func validate() throws {
        if output == "" { throw ValidationError("--output needs the name of a file") }
        if let journalPath, let format = Self.otherFormat(ofPath: journalPath) {
            throw ValidationError(
                "--output keeps the rows as jsonl, whatever --format says, found a name of \(format); write '-o rows.jsonl --format "
                    + "\(format) > \(journalPath.singleLine)'")
        }
        if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs must be between 1 and 1024") }
        if !(1...4096).contains(threads) { throw ValidationError("--threads must be between 1 and 4096") }
        try memory?.checkIsEnoughForAProcess()
        if !(0...1_000_000).contains(nullSamples) { throw ValidationError("--null must be between 0 and 1000000") }
        if let method = clustering.method, method.readsData {
            throw ValidationError("--method \(method.rawValue) needs data, which an audit does not have")
        }
        if clustering.method?.clustersRouters == true {
            throw ValidationError("--method experts clusters routers, which an audit does not score")
        }
        if restart, journalPath == nil { throw ValidationError("--restart requires --output") }
        if list, ![.text, .tsv, .jsonl].contains(format) { throw ValidationError("--list has the formats text, tsv and jsonl") }
        if merge {
            let isGiven = restart || list || shard != nil || jobs != nil || memory != nil || inputs.listFile != nil
            if isGiven || !inputs.include.isEmpty || !inputs.exclude.isEmpty {
                throw ValidationError("--merge takes results alone, with --output, --format, --baseline, --fail-on and --measure")
            }
        }
        try judgement.check(nullSamples: merge ? nil : nullSamples)
    }

    /// The file of rows; nil if there is none.
    private var journalPath: String? { output == "-" ? nil : output }

    /// The format that a file's name promises where that is not what rows are kept in.
    private static func otherFormat(ofPath path: String) -> String? {
        let name = path.lowercased()
        let formats = [
            (".html", "html"), (".htm", "html"), (".svg", "svg"), (".xml", "junit"), (".tsv", "tsv"), (".txt", "text"),
        ]
        return formats.first { name.hasSuffix($0.0) }?.1
    }

    private var settings: AuditSettings {
        let options = clustering.clusteringOptions(seed: seed)
        let counts: [Int] = clustering.clusterCounts.compactMap { if case .fixed(let count) = $0 { count } else { nil } }
        return AuditSettings(
            version: modinspectVersion, method: options.method, alignment: options.alignment, coupling: options.coupling, counts: counts,
            nullSamples: nullSamples, seed: seed, layers: layers.patterns, measure: judgement.measure)
    }

    func run() throws {
        if merge { return try mergeResults() }
        let found = AuditRun.part(shard, of: try diagnostics.timing("searched") { try inputs.found() })
        diagnostics.detail(
            "found \(ByteText.counted(found.checkpoints.count, "checkpoint")) in "
                + "\(ByteText.grouped(found.folderCount)) \(found.folderCount == 1 ? "directory" : "directories")"
                + (shard.map { ", of shard \($0)" } ?? ""))
        diagnostics.notePassedOver(found)
        let origin = ResultOrigin(identity: settings.identity, shard: shard)
        if list {
            let known = try journalPath.flatMap { path in
                restart || access(path, F_OK) != 0 ? nil : try KnownRows(path: path, origin: origin)
            }
            return try FoundList(found, known: known).write(format, to: ResultStream(try Destination(path: nil)))
        }
        let baseline = try judgement.earlier()
        let journal = try journalPath.map { try Journal(path: $0, origin: origin, earlier: restart ? .restarted : .continued) }
        if let journal, journal.damagedCount > 0 {
            diagnostics.warning(
                "\(journal.path): \(ByteText.counted(journal.damagedCount, "line")) could not be read; their checkpoints are worked on again"
            )
        }
        if let journal {
            let dropped = journal.droppedCount(of: found.checkpoints.map(\.name) + found.unreadable.map(\.place.name))
            if dropped > 0 {
                diagnostics.warning(
                    "\(journal.path): \(ByteText.counted(dropped, "row")) of checkpoints that are not found now will be dropped")
            }
        }
        let stop = StopPipe()
        let outcome = try work(on: found, journal: journal, stop: stop)
        try conclude(outcome.rows, baseline: baseline, origin: origin, total: found.checkpoints.count + found.unreadable.count)
    }

    // MARK: - Work

    private func work(on found: CheckpointDiscovery.Result, journal: Journal?, stop: StopPipe) throws -> AuditRun.Outcome {
        var team = AuditRun.Team(size: jobs ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        team.threads = threads
        team.limits = WorkerTeam.Limits(timeout: timeout == 0 ? nil : timeout ?? Self.standardTimeout, memory: memory?.bytes)
        team.stop = stop.descriptor
        let progress = remarks.progressBar("audit", total: found.checkpoints.count + found.unreadable.count, unit: "checkpoints")
        defer { progress.finish() }
        var failures = 0
        let outcome = try AuditRun(found, settings: settings, journal: journal).run(team) { name, status in
            diagnostics.detail("\(name): \(status.map { "\($0.rawValue), worked on" } ?? "its row is used again")")
            if let status, status != .ok { failures += 1 }
            progress.advance { failures == 0 ? "" : "\(ByteText.grouped(failures)) failed" }
        }
        progress.finish()
        if outcome.knownCount > 0 {
            diagnostics.note("\(ByteText.counted(outcome.knownCount, "row")) of \(journal?.path ?? "") used again")
        }
        return outcome
    }

    private func mergeResults() throws {
        let files = try inputs.paths.map { path throws(Problem) in try AuditFile(path: path) }
        let (origin, rows) = try AuditFile.merged(files)
        let baseline = try judgement.earlier()
        if let journalPath {
            try Journal.replace(journalPath, with: origin.lines(rows))
        }
        try conclude(rows, baseline: baseline, origin: origin, total: rows.count)
    }

    /// The settings that results were computed with.
    private static func settings(of origin: ResultOrigin) throws(Problem) -> AuditSettings {
        let measure = JSONText.string(AuditSettings.standardMeasure.rawValue)
        let line = JSONMembers(Array(origin.identity.utf8))?.setting("measure", to: measure) ?? []
        return try AuditSettings(line: String(decoding: line, as: UTF8.self))
    }

    // MARK: - The end

    /// Writes the report, says what failed, and ends with the status that this has.
    private func conclude(_ rows: [AuditRow], baseline: AuditFile?, origin: ResultOrigin, total: Int) throws {
        var settings = merge ? try AuditCommand.settings(of: origin) : settings
        settings.measure = judgement.measure
        if let baseline,
            let difference = ResultOrigin(identity: baseline.origin.identity).difference(from: ResultOrigin(identity: origin.identity))
        {
            diagnostics.warning(OptionNames.line(of: difference.at(path: baseline.path)))
        }
        let comparison = baseline.map { AuditComparison(old: $0.rows, new: rows) }
        let breaches = judgement.conditions?.breaches(rows, against: comparison) ?? []
        let report = AuditReport(rows: rows, settings: settings, comparison: comparison, breaches: breaches)
        try report.write(format, origin: origin)
        for row in rows where row.status != .ok {
            diagnostics.failure("\(row.name): \(row.status.rawValue): \(row.reason ?? "for an unknown reason")")
        }
        let failed = rows.count { $0.status != .ok }
        if failed > 0 { diagnostics.failure("\(failed) of \(ByteText.counted(rows.count, "checkpoint")) failed") }
        for breach in breaches { diagnostics.failure(breach.line) }
        if rows.count < total {
            diagnostics.failure(
                "interrupted: \(rows.count) of \(total) checkpoints are in the result"
                    + (journalPath == nil ? "" : "; the same command again continues"))
            StopPipe.end()
        }
        if !breaches.isEmpty { throw ExitCode(3) }
        if failed > 0 { throw ExitCode(1) }
    }
}
