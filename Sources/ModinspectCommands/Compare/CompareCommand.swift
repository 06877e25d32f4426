import Archives
import ArgumentParser
import Checkpoints
import Modularity
import Text

struct CompareCommand: FileCommand, ListCommand, WorkedCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares two checkpoints, two files of clusters, or a series of either.",
        usage: "modinspect compare [<options>] <a> <b> [<more> ...]",
        discussion: """
            For two checkpoints, reports for each selected layer that both have in the same shape: the scores in each; how far the \
            clusters found in each agree, for out-neurons and in-neurons; how far the weights moved from A to B, and which moved most. \
            Names may differ in prefixes such as module. and model.

            For two files of clusters, reports how far they agree and the sizes of the clusters.

            Of three and more, such as the checkpoints of a training run, reports how far the clusters of each agree with those of the \
            previous one and of the last: when clusters form. They are taken in natural order of their paths, step-2 before step-10.

            ari: the adjusted Rand index. nmi: the normalised mutual information. matched: the share of neurons in corresponding \
            clusters, under the best matching of A's clusters with B's. All are 1 for the same clusters, however they are numbered. \
            Neurons that are in no cluster (-1) in A or B are left out. relative_change: the norm of B - A divided by that of A.
            """)

    @OptionGroup var inputs: CheckpointListOptions

    @Flag(
        name: .customLong("keep-order"),
        help: "Take three and more in the order in which they are given, instead of the natural order of their paths.")
    var keepsOrder = false

    @Option(help: "The format of the result.")
    var format = PictureFormat.text

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            Score both checkpoints with the clusters in FILE, the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(
        name: .customLong("top"),
        help: ArgumentHelp(
            "List the N largest changes of each layer's weights; tsv then has only these. Without this option: 1.", valueName: "n"))
    var top: Int?

    @Option(name: .customLong("member-b"), help: ArgumentHelp("The --member of B, if different.", valueName: "path"))
    var memberInB: String?

    @Option(name: .customLong("key-b"), help: ArgumentHelp("The --key of B, if different.", valueName: "a.b"))
    var keyInB: String?

    @OptionGroup var jobs: JobOptions
    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var layers: LayerOptions<FileOrModelLayers>
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var listed: [String] { inputs.checkpoints }

    var fileUse: FileUse {
        FileUse(
            reading: inputs.files + [("--clusters", clusterFile)] + source.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if inputs.checkpoints.count == 1, !inputs.mayBeSeveral { throw ValidationError("expected two checkpoints or more, found one") }
        if clustering.clusterCounts.count > 1 { throw ValidationError("takes one number of clusters; score sweeps over several") }
        if clusterFile != nil, clustering.isGiven {
            throw ValidationError("--clusters cannot be combined with -k, --method, --no-align or --chain")
        }
        if clustering.method?.clustersRouters == true {
            throw ValidationError("--method experts gives each row of a router a cluster of its own; there is nothing to compare")
        }
        if let method = clustering.method, method.readsData {
            throw ValidationError(
                "--method \(method.rawValue) is for cluster and score; compare takes the files of clusters that cluster writes")
        }
        if let top, !(1...1_000_000).contains(top) { throw ValidationError("--top must be between 1 and 1000000") }
    }

    func run() throws {
        let paths = try inputs.paths()
        guard paths.count > 1 else { throw ValidationError("expected two checkpoints or more, found only \(paths.joined())") }
        if jobs.jobs != nil { try jobs.check(paths, others: source.inputs) }
        guard paths.count == 2 else {
            try refuseOptionsOfPairs()
            let target = try ReportTarget(format, output, fileUse)
            return try runSeries(keepsOrder ? paths : paths.sorted { $0.precedesNaturally($1) }, to: target)
        }
        if jobs.jobs != nil { throw ValidationError("--jobs is for three checkpoints and more; two are compared by one process") }
        try runPair(paths[0], paths[1])
    }

    /// What is said of A and B alone is wrong usage with a series.
    private func refuseOptionsOfPairs() throws {
        for (name, isGiven) in [
            ("--clusters", clusterFile != nil), ("--top", top != nil), ("--member-b", memberInB != nil), ("--key-b", keyInB != nil),
        ] where isGiven {
            throw ValidationError("\(name) is for two checkpoints; \(try inputs.paths().count) are a series")
        }
    }

    private func runPair(_ a: String, _ b: String) throws {
        let given = try clusterFile.map { try ClusterFile(path: $0) }
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(format, output, fileUse)
        let run = CheckpointRun(diagnostics: output.diagnostics)
        let options = [
            Checkpoint.Options(member: source.member, key: source.key),
            Checkpoint.Options(member: memberInB ?? source.member, key: keyInB ?? source.key),
        ]
        var inputs: [ComparedInput] = []
        var sources: [CheckpointResult<CheckpointSource>] = []
        for (path, options) in zip([a, b], options) {
            let input = try run.attempt(
                path, { try ComparedInput(path: path, options: options).whole() },
                failed: { sources.append(.failed(FailedCheckpoint(path: path, $0))) })
            guard let input else { continue }
            inputs.append(input)
            sources.append(.ok(CheckpointSource(path: path, sha256: nil)))
        }
        if inputs.count == 2 { inputs = try merged(inputs) }
        guard inputs.count == 2 else {
            try write(CompareReport(failed: sources), to: target)
            return try run.end()
        }
        let report: CompareReport
        switch (inputs[0], inputs[1]) {
        case (.checkpoint(let first), .checkpoint(let second)):
            report = try compare(first, second, given)
        case (.clusters(let first, let contentA), .clusters(let second, let contentB)):
            try refuseOptionsOfCheckpoints(a)
            report = try compare((first, contentA), (second, contentB))
        default:
            throw ValidationError("\(b): is \(inputs[1].kind), expected \(inputs[0].kind) as \(a) is")
        }
        try write(report, to: target)
    }

    /// The inputs with adapters merged: into the base model that is given, else an adapter into the model that it is compared with. Two adapters
    /// without a base model are compared as the changes that they are.
    private func merged(_ inputs: [ComparedInput]) throws -> [ComparedInput] {
        guard case .checkpoint(let first) = inputs[0], case .checkpoint(let second) = inputs[1] else { return inputs }
        let checkpoints = [first, second]
        let adapters = checkpoints.count { $0.adapter != nil }
        if source.base != nil {
            // If neither of them is an adapter, the first one reports the error.
            return try checkpoints.map { .checkpoint(try $0.adapter == nil && adapters > 0 ? $0 : source.merged($0)) }
        }
        if adapters == 1 {
            return try [(first, second), (second, first)].map { own, other in
                .checkpoint(try own.adapter == nil ? own : own.merged(into: other))
            }
        }
        for checkpoint in checkpoints { if let refusal = checkpoint.refusal { throw refusal } }
        return inputs
    }

    /// Everything that is about weights is wrong usage with files of clusters.
    func refuseOptionsOfCheckpoints(_ path: String) throws {
        let isGiven =
            clustering.isGiven || clusterFile != nil || top != nil || !layers.patterns.isEmpty
            || [source.member, source.key, source.base, source.baseMember, source.baseKey, memberInB, keyInB].contains { $0 != nil }
        if isGiven {
            throw ValidationError(
                "\(path): is a file of clusters, with which only --format, --output, --quiet, --progress and --no-sha256 can be used")
        }
    }

    private func compare(_ first: Checkpoint, _ second: Checkpoint, _ given: ClusterFile?) throws -> CompareReport {
        let comparison = try CheckpointComparison(first, second, layers: layers, clusters: given)
        let progress = output.progressBar("compare", total: 1000, unit: "")
        defer { progress.finish() }
        let sweeps = try comparison.sweeps(
            options: clustering.clusteringOptions(seed: computation.seed), counts: clustering.clusterCounts,
            threads: computation.threadCount
        ) { progress.set(fraction: $0) }
        let changes = try comparison.changes(keeping: top ?? 1) { progress.set(fraction: $0) }
        progress.finish()
        comparison.match.note(to: output.diagnostics, a: first.path, b: second.path)
        output.diagnostics.describe(sweeps.a, path: first.path)
        output.diagnostics.describe(sweeps.b, path: second.path)
        let compared = comparison.layers(sweeps, changes: changes)
        let inputs = [first, second].map { checkpoint in
            CheckpointSource(
                path: checkpoint.path, sha256: format.hasProvenance ? source.sha256(of: checkpoint, output) : nil,
                base: source.base(of: checkpoint, output, isHashed: format.hasProvenance))
        }
        return CompareReport(
            setting: CompareReport.Setting(
                kind: .checkpoints, inputs: inputs.map { .ok($0) }, method: given == nil ? clustering.methodName : nil,
                clusters: clusterFile),
            layers: compared, mean: ComparedLayer(meanOf: compared), onlyInA: comparison.match.onlyInA,
            onlyInB: comparison.match.onlyInB, differing: comparison.match.differences)
    }

    private func compare(
        _ first: (file: ClusterFile, content: ByteRegion), _ second: (file: ClusterFile, content: ByteRegion)
    ) throws -> CompareReport {
        let (a, b) = (first.file.path, second.file.path)
        let (before, after) = (try first.file.clusterings(), try second.file.clusterings())
        func candidates(_ clusterings: [LayerClustering]) -> [LayerMatch.Candidate] {
            clusterings.map { .init(name: $0.layer, shape: [$0.outLabels.count, $0.inLabels.count], isChosen: true) }
        }
        let match = LayerMatch(candidates(before), candidates(after))
        guard !match.pairs.isEmpty else {
            throw Problem(file: b, problem: "has no layer in common with \(a)", expected: match.expected, found: match.found)
        }
        match.note(to: output.diagnostics, a: a, b: b)
        let compared = match.pairs.map { pair in
            let (one, other) = (before[pair.a], after[pair.b])
            let clusters = (one.clusterCount, other.clusterCount)
            return ComparedLayer(
                layer: one.layer, layerInB: other.layer, a: ComparedClusters(one), b: ComparedClusters(other),
                out: ComparedSide(one.outLabels, other.outLabels, clusters: clusters),
                in: ComparedSide(one.inLabels, other.inLabels, clusters: clusters), relativeChange: nil, largestChanges: nil)
        }
        let left = compared.compactMap { layer -> (name: String, text: String)? in
            let (out, into) = (layer.out.unclustered ?? 0, layer.in.unclustered ?? 0)
            guard out + into > 0 else { return nil }
            return (
                layer.layer, "\(out) out-neurons and \(into) in-neurons are in no cluster here or in \(a) and are left out"
            )
        }
        if let line = Diagnostics.gathered(b, "layer", left) { output.diagnostics.note(line) }
        let inputs = [first, second].map { input in
            CheckpointSource(path: input.file.path, sha256: format.hasProvenance ? source.sha256(of: [input.content], output) : nil)
        }
        return CompareReport(
            setting: CompareReport.Setting(kind: .clusters, inputs: inputs.map { .ok($0) }, method: nil, clusters: nil), layers: compared,
            mean: ComparedLayer(meanOf: compared),
            onlyInA: match.onlyInA, onlyInB: match.onlyInB, differing: match.differences)
    }

    private func write(_ report: CompareReport, to target: ReportTarget) throws {
        // Nothing about two files of clusters is random.
        let seed = report.setting.kind == .checkpoints ? computation.seed : nil
        switch target {
        case .pictures(let pictures): try pictures.write(Provenanced(CompareReport.schema, seed: seed, report))
        case .stream(let stream): try write(report, seed: seed, to: stream)
        }
    }

    private func write(_ report: CompareReport, seed: UInt64?, to stream: ResultStream) throws {
        switch format {
        case .svg: break
        case .text: try stream.write(CompareTable.text(report))
        case .tsv:
            let rows: CompareTable.Rows = report.setting.kind == .clusters ? .clusters : top == nil ? .checkpoints : .changes
            try stream.write(CompareTable.header(rows) + CompareTable.rows(report, rows))
        case .json: try stream.write(try ReportEncoder.bytes(of: Provenanced(CompareReport.schema, seed: seed, report), isIndented: true))
        case .jsonl:
            // A line without a row reports what failed.
            let rows: [ComparedLayer?] = report.hasFailed ? [nil] : report.rows
            for row in rows {
                let line = Provenanced(CompareReport.schema, seed: seed, Joined(report.setting, CompareRow(layer: row)))
                try stream.write(try ReportEncoder.bytes(of: line, isIndented: false))
            }
        }
        try stream.finish()
    }
}
