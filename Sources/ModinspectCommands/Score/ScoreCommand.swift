import ArgumentParser
import Checkpoints
import Modularity
import Text

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Measures how modular each layer is, and the mean over the layers.",
        discussion: """
            clusterability: the share of the squared weight that connects neurons of the same cluster. chance: what it would be if the \
            clusters knew nothing of the weights. modularity: their difference. adjusted: that difference over its largest possible \
            value, 0 for no structure and 1 for disjoint blocks. ncut: the share of each cluster's weight that leaves it, summed.

            Clusters are found as by modinspect cluster, or read with --clusters. Because they are chosen to fit the weights, noise \
            does not score 0: --null compares with the same weights in random places.
            """)

    @OptionGroup var inputs: CheckpointListOptions

    @Option(help: "The format of the result.")
    var format = ReportFormat.text

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            "Score the clusters in FILE, the tsv, json or jsonl of modinspect cluster; - is standard input.", valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(
        name: .customLong("null"),
        help: ArgumentHelp("Compare with N permutations of each layer's weights: mean, standard deviation, z and p.", valueName: "n"))
    var nullSamples = 0

    @OptionGroup var threshold: ThresholdOptions
    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var gradient: GradientOptions
    @OptionGroup var layers: LayerOptions<FileOrModelLayers>
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if inputs.standardInputs + (clusterFile == "-" ? 1 : 0) > 1 {
            throw ValidationError("standard input can be read only once")
        }
        if clusterFile != nil, clustering.isGiven {
            throw ValidationError("--clusters cannot be combined with -k, --method, --no-align or --chain")
        }
        try gradient.check(clustering.method, standardInputs: inputs.standardInputs)
        if !(0...1_000_000).contains(nullSamples) { throw ValidationError("--null must be between 0 and 1000000") }
    }

    func run() throws {
        let given = try clusterFile.map { try ClusterFile(path: $0) }
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        threshold.note(to: output.diagnostics)
        var isMet = true
        try CheckpointRun(diagnostics: output.diagnostics).report(inputs, report(hasClusters: given != nil), to: stream) { path in
            let scored = try score(path, given: given)
            isMet = threshold.check(scored, output.diagnostics) && isMet
            return scored
        }
        if !isMet { throw ExitCode(3) }
    }

    /// How the scores are written.
    private func report(hasClusters: Bool) -> CheckpointReport<ScoredCheckpoint> {
        let hasNull = nullSamples > 0
        let head = ScoreReport.Head(
            seed: computation.seed, method: hasClusters ? nil : clustering.methodName, data: gradient.data,
            batch: gradient.reportedBatch, clusters: clusterFile)
        return CheckpointReport(
            format: format, header: ScoreTable.header(hasNull: hasNull), rows: { ScoreTable.rows($0, hasNull: hasNull) },
            failedRow: { ScoreTable.row($0, hasNull: hasNull) }, text: { ScoreTable.text($0, hasNull: hasNull) },
            lines: { try ScoreLine.lines(head, $0) },
            document: { try ReportEncoder.bytes(of: ScoreReport(head: head, checkpoints: $0), isIndented: true) })
    }

    private func score(_ path: String, given: ClusterFile?) throws -> ScoredCheckpoint {
        let opened = try source.open(path, output.diagnostics)
        let catalog = LayerCatalog(opened)
        let chosen: [Layer]
        let labels: LabelSource
        if let given {
            let clusterings = try given.clusterings(for: catalog)
            chosen =
                layers.patterns.isEmpty
                ? catalog.layers.filter { clusterings[$0.name] != nil }
                : try layers.select(from: catalog, path: opened.path, output.diagnostics)
            labels = .given(clusterings)
        } else {
            chosen = try layers.select(from: catalog, path: opened.path, output.diagnostics)
            var options = clustering.clusteringOptions(seed: computation.seed)
            if options.method == .gradient {
                options.spectra = try gradient.spectra(
                    of: opened, layers: chosen, counts: clustering.clusterCounts, computation: computation, output: output)
            }
            labels = .clustering(options, counts: clustering.clusterCounts)
        }
        let progress = output.progressBar("score", total: 1000, unit: "")
        defer { progress.finish() }
        let analysis = try ModelAnalysis(
            WeightGraph(chosen), labels: labels, nullSamples: nullSamples, threads: computation.threadCount
        ) { progress.set(fraction: $0) }
        progress.finish()
        for sweep in analysis.sweeps { output.diagnostics.describe(sweep, method: clustering.method, path: opened.path) }
        let hash = format.hasProvenance ? source.sha256(of: opened, output) : nil
        return ScoredCheckpoint(path: opened.path, sha256: hash, results: analysis.sweeps.map(ScoredSweep.init))
    }
}
