import ArgumentParser
import Checkpoints
import Modularity
import Scoring
import Text

struct ScoreCommand: FileCommand, ListCommand, SimilarityCommand, WorkedCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Measures how modular each layer is, and the mean over the layers.",
        discussion: """
            \(Measure.list)

            Clusters are found as by modinspect cluster, or read with --clusters. Because clusters are chosen to fit the weights, even \
            random weights score above 0; --null compares with the same weights after shuffling them.
            """)

    @OptionGroup var inputs: CheckpointListOptions

    @Option(help: "The format of the result.")
    var format = PictureFormat.text

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            Score the clusters in FILE, the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(
        name: .customLong("null"),
        help: ArgumentHelp("Compare with N permutations of each layer's weights: mean, standard deviation, z and p.", valueName: "n"))
    var nullSamples = 0

    @Flag(
        name: .customLong("compare-order"),
        help: "With --format svg: show each layer in the order of the file beside that of its clusters.")
    var comparesOrder = false

    @OptionGroup var threshold: ThresholdOptions
    @OptionGroup var jobs: JobOptions
    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var similarityData: SimilarityDataOptions
    @OptionGroup var samples: SampleOptions
    @OptionGroup var similarityBatches: SimilarityBatchOptions
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var layers: LayerOptions<FileOrModelLayers>
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var listed: [String] { inputs.checkpoints }

    var fileUse: FileUse {
        FileUse(
            reading: inputs.files + source.inputs + [("--clusters", clusterFile)] + gradient.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if clusterFile != nil, clustering.isGiven {
            throw ValidationError("--clusters cannot be combined with -k, --method, --no-align or --chain")
        }
        try gradient.check(clustering.method)
        if comparesOrder, format != .svg { throw ValidationError("--compare-order requires --format svg") }
        if !(0...1_000_000).contains(nullSamples) { throw ValidationError("--null must be between 0 and 1000000") }
    }

    func run() throws {
        if jobs.jobs != nil { try jobs.check(try inputs.paths(), others: source.inputs + [("--clusters", clusterFile)] + gradient.inputs) }
        let given = try clusterFile.map { try ClusterFile(path: $0) }
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(format, output, fileUse)
        threshold.note(to: output.diagnostics)
        let run = CheckpointRun(diagnostics: output.diagnostics)
        let weights = format == .svg ? try drawnWeights() : nil
        var isMet = true
        if jobs.jobs != nil, weights?.areDrawn != true {
            isMet = try run.report(inputs, report(), to: target, by: self, label: "score")
        } else {
            var report = report()
            report.layerPictures = { weights?.pictures }
            try run.report(inputs, report, to: target) { path in
                let scored = try score(path, given: given, weights: weights)
                isMet = threshold.check(scored, output.diagnostics) && isMet
                return scored
            }
        }
        if !isMet { throw ExitCode(3) }
    }

    func worker() throws -> (String) -> [UInt8] {
        let given = try clusterFile.map { try ClusterFile(path: $0) }
        let report = report()
        return { path in
            report.worked(path, output.diagnostics) { path in
                let scored = try score(path, given: given, weights: nil)
                return (scored, threshold.check(scored, output.diagnostics))
            }
        }
    }

    /// How the scores are written.
    private func report() -> CheckpointReport<ScoredCheckpoint> {
        let (hasNull, seed, setting) = (nullSamples > 0, computation.seed, setting)
        return CheckpointReport(
            format: format, header: ScoreTable.header(hasNull: hasNull), rows: { try $1.write(ScoreTable.rows($0, hasNull: hasNull)) },
            failedRow: { ScoreTable.row($0, hasNull: hasNull) }, text: { try $1.write(ScoreTable.text($0, hasNull: hasNull)) },
            lines: { ScoreReport.lines(setting, seed: seed, $0) },
            document: { Provenanced(ScoreReport.schema, seed: seed, ScoreReport(setting: setting, checkpoints: $0)) })
    }

    /// What will be drawn of the weights.
    private func drawnWeights() throws -> ScoredWeights {
        let found = clusterFile.map { "clusters \($0)" } ?? "method \(clustering.methodName)"
        let data = gradient.data.map { "data \($0)" }
        return ScoredWeights(
            of: try inputs.paths().count,
            source: [found, data, "seed \(computation.seed)"].compactMap(\.self).joined(separator: " · "), comparesOrder: comparesOrder)
    }

    private func score(_ path: String, given: ClusterFile?, weights: ScoredWeights?) throws -> ScoredCheckpoint {
        let opened = try source.open(path, output.diagnostics)
        let catalog = LayerCatalog(opened)
        let clusters: ScoreRequest.Clusters =
            try given.map { ScoreRequest.Clusters.given(try $0.clusters(for: catalog)) }
            ?? .found(clustering.clusteringOptions(seed: computation.seed), counts: clustering.clusterCounts)
        var request = try ScoreRequest(catalog, path: opened.path, patterns: layers.patterns, clusters: clusters)
        if given == nil || !layers.patterns.isEmpty {
            output.diagnostics.describe(request.layers, of: catalog, path: opened.path, isByDefault: layers.patterns.isEmpty)
        }
        (request.nullSamples, request.threads) = (nullSamples, computation.threadCount)
        request.spectra = gradient.spectra(of: opened, method: clustering.method, computation: computation, output: output)
        request = try request.prepared()
        let progress = output.progressBar("score", total: 1000, unit: "")
        defer { progress.finish() }
        let analysis = try request.run { progress.set(fraction: $0) }
        progress.finish()
        for sweep in analysis.sweeps { output.diagnostics.describe(sweep, method: clustering.method, path: opened.path) }
        weights?.add(opened.path, request.layers, analysis)
        let hash = format.hasProvenance ? source.sha256(of: opened, output) : nil
        let base = source.base(of: opened, output, isHashed: format.hasProvenance)
        return ScoredCheckpoint(path: opened.path, sha256: hash, base: base, results: analysis.sweeps.map(ScoredSweep.init))
    }

    private var setting: ScoreSetting {
        ScoreSetting(
            method: clusterFile == nil ? clustering.methodName : nil, data: gradient.data, batch: gradient.reportedBatch(clustering.method),
            clusters: clusterFile)
    }
}
