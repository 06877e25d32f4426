import ArgumentParser
import Checkpoints
import Modularity
import Text

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Measures how modular each layer is, and the mean over the layers.",
        discussion: """
            \(Measure.list)

            Clusters are found as by modinspect cluster, or read with --clusters. Because they are chosen to fit the weights, noise \
            does not score 0: --null compares with the same weights in random places.
            """)

    @Argument(help: "The checkpoints; - is an archive on standard input.", completion: .file())
    var checkpoints: [String]

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

    @Option(
        name: .customLong("fail-under"), parsing: .unconditional,
        help: ArgumentHelp("Exit with status 3 where the mean of --measure is below X or undefined.", valueName: "x"))
    var limit: Double?

    @Option(help: "The measure that --fail-under looks at.")
    var measure: Measure?

    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var gradient: GradientOptions
    @OptionGroup var layers: LayerOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if checkpoints.filter({ $0 == "-" }).count + (clusterFile == "-" ? 1 : 0) > 1 {
            throw ValidationError("standard input can be read once only")
        }
        if clusterFile != nil, clustering.isGiven {
            throw ValidationError("--clusters leaves nothing for -k, --method, --no-align and --chain")
        }
        try gradient.check(clustering.method, checkpoints: checkpoints)
        if !(0...1_000_000).contains(nullSamples) { throw ValidationError("--null takes a number from 0 to 1000000") }
        if measure != nil, limit == nil { throw ValidationError("--measure goes with --fail-under") }
        if limit?.isNaN == true { throw ValidationError("--fail-under takes a number") }
    }

    func run() throws {
        let given = try clusterFile.map { try ClusterFile(path: $0) }
        let run = CheckpointRun(diagnostics: output.diagnostics)
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        var count = 0
        var report: [ScoredCheckpoint] = []
        var isBelow = false
        try run.forEach(checkpoints) { path in
            let scored = try score(path, given: given)
            isBelow = fails(scored) || isBelow
            count += 1
            if format == .json {
                report.append(scored)
                return
            }
            try write(scored, to: stream, isFirst: count == 1)
            try stream.flush()
        }
        if format == .json, count > 0 {
            let document = ScoreReport(setting: setting, checkpoints: report)
            try stream.write(
                try ReportEncoder.bytes(of: Provenanced(ScoreReport.schema, seed: computation.seed, document), isIndented: true))
        }
        if count > 0 { try stream.finish() }
        try run.end()
        if isBelow { throw ExitCode(3) }
    }

    private func score(_ path: String, given: ClusterFile?) throws -> ScoredCheckpoint {
        let opened = try source.open(path)
        let catalog = LayerCatalog(opened)
        let chosen: [Layer]
        let labels: LabelSource
        if let given {
            let clusterings = try given.clusterings(for: catalog)
            chosen =
                layers.patterns.isEmpty
                ? catalog.layers.filter { clusterings[$0.name] != nil } : try layers.select(from: catalog, path: opened.path)
            labels = .given(clusterings)
        } else {
            chosen = try layers.select(from: catalog, path: opened.path)
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

    private var setting: ScoreSetting {
        ScoreSetting(
            method: clusterFile == nil ? clustering.methodName : nil, data: gradient.data, batch: gradient.reportedBatch,
            clusters: clusterFile)
    }

    private func write(_ scored: ScoredCheckpoint, to target: ResultStream, isFirst: Bool) throws {
        let hasNull = nullSamples > 0
        switch format {
        case .text: try target.write((isFirst ? "" : "\n") + ScoreTable.text(scored, hasNull: hasNull))
        case .tsv: try target.write((isFirst ? ScoreTable.header(hasNull: hasNull) : "") + ScoreTable.rows(scored, hasNull: hasNull))
        case .json, .jsonl:
            let source = CheckpointSource(path: scored.path, sha256: scored.sha256)
            for row in scored.results.flatMap(\.rows) {
                let line = Provenanced(
                    ScoreReport.schema, seed: computation.seed, Joined(setting, Joined(Keyed("checkpoint", source), row)))
                try target.write(try ReportEncoder.bytes(of: line, isIndented: false))
            }
        }
    }

    /// Whether a mean is below the limit, which is then said.
    private func fails(_ scored: ScoredCheckpoint) -> Bool {
        guard let limit else { return false }
        let measure = measure ?? .clusterability
        var fails = false
        for sweep in scored.results {
            let mean = sweep.mean[measure]
            if let mean, mean >= limit { continue }
            fails = true
            let k = sweep.k.map { " for \($0) clusters" } ?? ""
            output.diagnostics.failure(
                "\(scored.path): mean \(measure.rawValue)\(k), expected at least \(ByteText.shortest(limit)), found \(TSV.number(mean))")
        }
        return fails
    }
}
