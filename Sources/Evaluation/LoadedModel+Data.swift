import Checkpoints
import Datasets
import Networks
import Text

extension LoadedModel {
    /// The tokenizer beside the weights; nil if there is none.
    package var tokenizer: LazyTokenizer? {
        do throws(Problem) {
            return try checkpoint.tokenizerFile().map {
                LazyTokenizer($0, path: checkpoint.path + "/tokenizer.json", settings: checkpoint.companions["tokenizer_config.json"])
            }
        } catch {
            return LazyTokenizer(error, path: checkpoint.path)
        }
    }

    /// What the model does with text that asks for nothing else.
    private var task: DataTask? {
        guard case .tokens = network.input else { return nil }
        return switch network.anatomy.outputKind {
        case .answers: .nextToken
        case .maskedTokens: .masked
        case .classes: .classify
        case .states: nil
        }
    }

    /// The names of the model's classes in its graph, or in its `config.json`; those that it contradicts itself about are left out.
    private var classNames: ClassNames {
        var names: [(name: String, label: Int32)] = (network.classNames ?? []).enumerated().map { ($1, Int32($0)) }
        var problemType: String?
        if names.isEmpty, let configuration = checkpoint.configuration {
            configuration.inMemory.withUnsafeBytes { bytes in
                guard String(validating: bytes, as: UTF8.self) != nil else { return }
                problemType = JSONCursor.member("problem_type", of: bytes)?.text
                if case .object(let members)? = JSONCursor.member("id2label", of: bytes) {
                    names = members.compactMap { member in Int32(member.name).flatMap { id in member.value.text.map { ($0, id) } } }
                } else if case .object(let members)? = JSONCursor.member("label2id", of: bytes) {
                    names = members.compactMap { member in
                        if case .integer(let id) = member.value, let label = Int32(exactly: id) { (member.name, label) } else { nil }
                    }
                }
            }
        }
        var known = ClassNames(names.filter { $0.label >= 0 && Int($0.label) < network.outputWidth }, count: network.outputWidth)
        known.areSeveralEach = problemType == "multi_label_classification"
        return known
    }

    /// Text is cut to the model's positions, and to no more than this where those are many or unbounded.
    private static let longestContext = 1024

    /// How the model reads data: text with its tokenizer, in windows that fit the model if the source sets no context.
    ///
    /// - Throws: ``Problem`` for a preprocessor_config.json that cannot be followed.
    package func completed(_ source: DatasetSource) throws -> DatasetSource {
        var source = source
        source.context = source.context ?? defaultContext(source.path)
        if let tokenizer {
            source.tokenize = { try tokenizer.encode($0) }
            source.tokenizer = tokenizer
        }
        source.modelTask = task
        source.classNames = classNames
        if case .tokens(_, let positions) = network.input { source.longestSequence = positions }
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
    /// Token ids alone ask for the next token, or for masked tokens where the model predicts those; of a model without a head, or where the
    /// model is not asked for labels, they ask for nothing.
    package func dataset(_ source: DatasetSource) throws -> Dataset {
        var dataset = try completed(source).open()
        dataset.areLabelsGroups = source.labelsAreGroups
        dataset = try labelledAsInFile(dataset)
        if case .labels = dataset.targets, dataset.classNames.isEmpty, network.anatomy.outputKind != .states {
            dataset.classNames = classNames.names
        }
        guard case .nextToken = dataset.targets else { return dataset }
        if case .states = network.anatomy.outputKind { return dataset.asking(.none) }
        return source.labelsAreGroups ? dataset.asking(.none) : dataset
    }

    /// The same samples with the places of their classes as labels, where the file calls the classes otherwise.
    private func labelledAsInFile(_ dataset: Dataset) throws(Problem) -> Dataset {
        guard let classes = network.classLabels, classes != Array(0..<classes.count), !dataset.areLabelsGroups,
            case .labels(let labels) = dataset.targets
        else { return dataset }
        let places = Dictionary(zip(classes, 0...).map { ($0, Int32($1)) }, uniquingKeysWith: { first, _ in first })
        var found: [Int32] = []
        found.reserveCapacity(labels.count)
        for (sample, label) in labels.enumerated() {
            guard let place = places[Int(label)] else {
                throw Problem(
                    dataset.name, "sample \(sample) has a label that is none of the model's classes",
                    expected: classes.prefix(8).map(String.init).joined(separator: ", ") + (classes.count > 8 ? ", ..." : ""),
                    found: "\(label)")
            }
            found.append(place)
        }
        var renamed = dataset.asking(.labels(found))
        renamed.classNames = Dictionary(classes.enumerated().map { ($0, "\($1)") }, uniquingKeysWith: { first, _ in first })
        return renamed
    }

    /// The data in batches that fit the network.
    ///
    /// - Throws: ``Problem`` if the model does not fit into memory, ``Problem`` if the data does not fit the model.
    package func batches(_ source: DatasetSource, batchSize: Int?) throws -> SampleBatches {
        try checkParameters()
        return try SampleBatches(dataset(source), for: network, batchSize: batchSize)
    }
}
