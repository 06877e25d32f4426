import Checkpoints
import Datasets
import Networks
import Text

extension LoadedModel {
    /// The tokenizer beside the weights; nil if there is none.
    package var tokenizer: LazyTokenizer? {
        checkpoint.companions["tokenizer.json"].map { LazyTokenizer($0, path: checkpoint.path + "/tokenizer.json") }
    }

    /// Text is cut to the model's positions, and to no more than this where those are many or unbounded.
    private static let longestContext = 1024

    /// How the model reads data: text with its tokenizer, in windows that fit the model if the source sets no context.
    ///
    /// - Throws: ``Problem`` for a preprocessor_config.json that cannot be followed.
    package func completed(_ source: DatasetSource) throws -> DatasetSource {
        var source = source
        source.context = source.context ?? defaultContext(source.path)
        if let tokenizer { source.tokenize = { try tokenizer.encode($0) } }
        if source.normalization == nil, case .values = network.input,
            let file = checkpoint.companions["preprocessor_config.json"]
        {
            do {
                source.byteNormalization = try Normalization(preprocessor: file)
            } catch let problem as Problem {
                throw problem.at(path: checkpoint.path + "/preprocessor_config.json")
            }
        }
        return source
    }

    private func defaultContext(_ path: String) -> Int? {
        guard path.hasSuffix(".txt"), case .tokens(_, let positions) = network.input else { return nil }
        return min(positions ?? Self.longestContext, Self.longestContext)
    }

    /// The data, read as described by ``completed(_:)``.
    ///
    /// Token ids alone ask for the next token; of a model without a head they ask for nothing.
    package func dataset(_ source: DatasetSource) throws -> Dataset {
        let dataset = try completed(source).open()
        guard case .states = network.anatomy.outputKind, case .nextToken = dataset.targets else { return dataset }
        return Dataset(name: dataset.name, inputs: dataset.inputs, targets: .none)
    }

    /// The data in batches that fit the network.
    ///
    /// - Throws: ``Problem`` if the model does not fit into memory, ``Problem`` if the data does not fit the model.
    package func batches(_ source: DatasetSource, batchSize: Int?) throws -> SampleBatches {
        try checkParameters()
        return try SampleBatches(dataset(source), for: network, batchSize: batchSize)
    }
}
