import Text
import Checkpoints
import Datasets
import Evaluation
import Networks

/// A checkpoint that runs: its network, and how that became known.
struct LoadedModel {
    let checkpoint: Checkpoint
    let catalog: LayerCatalog
    let network: Network
    /// The architecture of a plain chain; nil for transformers.
    let architecture: Architecture?
    /// How the architecture of a chain became known.
    let source: Chain.Source?

    /// - Parameter catalog: the checkpoint's, where it was made before.
    /// - Throws: ``Problem`` that names the checkpoint.
    init(_ checkpoint: Checkpoint, architecture given: Architecture?, catalog known: LayerCatalog? = nil) throws {
        self.checkpoint = checkpoint
        catalog = known ?? LayerCatalog(checkpoint)
        do throws(Problem) {
            if given == nil, let network = try TransformerFamilies.network(of: checkpoint, catalog: catalog) {
                self.network = network
                architecture = nil
                source = nil
                return
            }
            let (architecture, source) = try Chain.architecture(of: checkpoint, catalog: catalog, given: given)
            network = try Chain.network(of: checkpoint, architecture)
            self.architecture = architecture
            self.source = source
        } catch {
            throw error.at(path: checkpoint.path)
        }
    }

    /// Says on standard error what was assumed and what was left aside.
    func describe(_ diagnostics: Diagnostics) {
        diagnostics.detail(
            "\(checkpoint.path): runs as \(architecture.map { "\($0)" } ?? catalog.family.name), "
                + ByteText.counted(network.nodes.count, "operation"))
        if source == .assumed, let architecture, architecture.elements.count > 1 {
            diagnostics.note("\(checkpoint.path): ReLU is assumed between its linear layers: --arch '\(architecture)'")
        }
        if let first = network.unusedTensors.first {
            let count = network.unusedTensors.count
            let others = count > 1 ? " and \(count - 1) \(count == 2 ? "other" : "others")" : ""
            diagnostics.warning("\(checkpoint.path): the network does not read '\(first)'\(others)")
        }
    }

    /// - Throws: ``Problem`` where the parameters do not fit into memory.
    func checkMemory() throws {
        do {
            try network.values.checkMemory()
        } catch {
            throw error.at(path: checkpoint.path)
        }
    }

    /// The data that the options name, read with this checkpoint's tokenizer where it is text.
    func dataset(_ options: DataSourceOptions, seed: UInt64) throws -> Dataset { try dataset(options.data, options.samples, seed: seed) }

    /// The data of a path, read with this checkpoint's tokenizer where it is text.
    func dataset(_ path: String, _ options: SampleOptions, seed: UInt64) throws -> Dataset {
        let dataset = try datasetSource(path, options, seed: seed).open()
        guard let limit = options.limit, limit < dataset.count else { return dataset }
        return dataset.selecting(Array(0..<limit))
    }

    /// How the data of a path is read.
    func datasetSource(_ path: String, _ options: SampleOptions, seed: UInt64) -> DatasetSource {
        var source = DatasetSource(
            path: path, labels: options.labels, normalization: options.normalize, context: options.context ?? defaultContext(path),
            tokenWidth: options.tokenWidth, trainFraction: options.trainFraction, seed: seed)
        if let tokenizer { source.tokenize = { try tokenizer.encode($0) } }
        return source
    }

    /// The tokenizer beside the weights; nil where there is none.
    var tokenizer: LazyTokenizer? {
        checkpoint.companions["tokenizer.json"].map { LazyTokenizer($0, path: checkpoint.path + "/tokenizer.json") }
    }

    /// Text is cut to the model's positions, and to no more than this where those are many or unbounded.
    private static let longestContext = 1024

    private func defaultContext(_ path: String) -> Int? {
        guard path.hasSuffix(".txt"), case .tokens(_, let positions) = network.input else { return nil }
        return min(positions ?? Self.longestContext, Self.longestContext)
    }

    /// The data in batches that the network takes.
    ///
    /// - Throws: ``Problem`` where the model does not fit into memory, or the data does not fit the model.
    func batches(_ options: DataOptions, seed: UInt64) throws -> SampleBatches {
        try checkMemory()
        let dataset = try dataset(options.source, seed: seed)
        return try SampleBatches(dataset, for: network, batchSize: options.batchSize)
    }
}

extension Diagnostics {
    /// Warns of an outcome that scores which are no numbers have spoilt; class 0 is then the answer, as the first of equals.
    func describe(_ outcome: Outcome, path: String) {
        guard let loss = outcome.loss, loss.isNaN else { return }
        warning(
            "\(path): the loss is not a number: some scores are NaN or infinite, of which class 0 may be the answer; weights or data hold such numbers"
        )
    }
}
