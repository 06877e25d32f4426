import ArgumentParser
import Checkpoints
import Modularity
import Plots
import Scoring
import Text

struct ClusterCommand: FileCommand, SimilarityCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Puts the neurons of each layer into clusters.",
        discussion: """
            Clusters both sides of every selected weight matrix, its out-neurons (rows) and its in-neurons (columns), so that most of \
            the squared weight connects neurons of the same cluster. Neurons without weights, or with --method gradient without a \
            gradient, are in no cluster, which is written as -1.

            tsv (the default) has a row for each neuron: layer, side (out or in), index, cluster. It can be piped into commands that \
            take --clusters.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(help: "The format of the result.")
    var format = PictureFormat.tsv

    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var similarityData: SimilarityDataOptions
    @OptionGroup var samples: SampleOptions
    @OptionGroup var similarityBatches: SimilarityBatchOptions
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var layers: LayerOptions<ModelLayers>
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        FileUse(
            reading: [("the checkpoint", checkpoint)] + source.inputs + gradient.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if clustering.clusterCounts.count > 1 { throw ValidationError("takes one number of clusters; score sweeps over several") }
        try gradient.check(clustering.method)
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(format, output, fileUse)
        try run.forEach([checkpoint]) { path in
            let opened = try source.open(path, output.diagnostics)
            let catalog = LayerCatalog(opened)
            let options = clustering.clusteringOptions(seed: computation.seed)
            var request = try ScoreRequest(
                catalog, path: opened.path, patterns: layers.patterns, clusters: .found(options, counts: clustering.clusterCounts))
            output.diagnostics.describe(request.layers, of: catalog, path: opened.path, isByDefault: layers.patterns.isEmpty)
            request.threads = computation.threadCount
            request.spectra = gradient.spectra(of: opened, method: clustering.method, computation: computation, output: output)
            request = try request.prepared()
            let progress = output.progressBar("cluster", total: 1000, unit: "")
            let analysis = try request.run { progress.set(fraction: $0) }
            progress.finish()
            guard let sweep = analysis.sweeps.first else { return }
            output.diagnostics.describe(sweep, method: options.method, path: opened.path)
            try write(sweep, request.layers, of: opened, to: target)
        }
        try run.end()
    }

    private func write(_ sweep: ModelAnalysis.Sweep, _ layers: [Layer], of opened: Checkpoint, to target: ReportTarget) throws {
        let found = sweep.layers.map(ClusteredLayer.init)
        switch target {
        case .pictures(let pictures):
            let neurons = drawn(sweep, layers, path: opened.path)
            if let obstacle = neurons.obstacle {
                output.diagnostics.warning("\(opened.path): the layers are drawn one by one, \(obstacle)")
            }
            try pictures.write(Joined(head(sweep, of: opened), Keyed("layers", found)), after: neurons)
        case .stream(let stream):
            try write(found, sweep, of: opened, to: stream)
            try stream.finish()
        }
    }

    /// The layers as their neurons: in one row where the clusters go on from layer to layer.
    private func drawn(_ sweep: ModelAnalysis.Sweep, _ layers: [Layer], path: String) -> NeuronPictures {
        let data = gradient.data.map { "data \($0)" }
        return NeuronPictures(
            model: DrawnModel(
                path: path, layers: zip(layers, sweep.layers).map { DrawnLayer($0, $1) }, mean: sweep.mean(\.clusterability)),
            source: ["method \(clustering.methodName)", data, "seed \(computation.seed)"].compactMap(\.self).joined(separator: " · "),
            isChain: clustering.isChained || clustering.method == .network)
    }

    private func head(_ sweep: ModelAnalysis.Sweep, of opened: Checkpoint) -> Provenanced<ClusterSetting> {
        let hash = format.hasProvenance ? source.sha256(of: opened, output) : nil
        return Provenanced(
            ClusterSetting.schema, seed: computation.seed,
            checkpoint: CheckpointSource(
                path: opened.path, sha256: hash, base: source.base(of: opened, output, isHashed: format.hasProvenance)),
            ClusterSetting(
                method: clustering.methodName, data: gradient.data, batch: gradient.reportedBatch(clustering.method),
                networkNcut: sweep.networkCut))
    }

    private func write(
        _ found: [ClusteredLayer], _ sweep: ModelAnalysis.Sweep, of opened: Checkpoint, to stream: ResultStream
    ) throws {
        switch format {
        case .svg: break
        case .tsv:
            try stream.write(ClusterTSV.header + "\n")
            var text = ByteText()
            for layer in found {
                layer.write(tsv: &text)
                try stream.write(text.bytes)
                text.removeAll()
            }
        case .text:
            for (place, layer) in found.enumerated() { try stream.write((place == 0 ? "" : "\n") + layer.text()) }
            if let cut = sweep.networkCut { try stream.write("\nn-cut of the whole network \(ByteText.rounded(cut))\n") }
        case .json, .jsonl:
            let head = head(sweep, of: opened)
            if format == .json {
                try ReportEncoder.write(Joined(head, Keyed("layers", found)), isIndented: true, to: stream)
            } else {
                for layer in found { try stream.write(try ReportEncoder.bytes(of: Joined(head, layer), isIndented: false)) }
            }
        }
    }
}
