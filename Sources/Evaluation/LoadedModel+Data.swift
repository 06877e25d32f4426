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
        return switch network.outputKind {
        case .answers: .nextToken
        case .maskedTokens: .masked
        case .classes: .classify
        case .states: nil
        }
    }

    /// What the model's `config.json` says of its classes; nil without one.
    private var configuredClasses: ConfiguredClasses? {
        // States may have names of classes that the head had which is not there.
        let count = network.outputKind == .states ? Int(Int32.max) : network.outputWidth
        return checkpoint.configuration?.inMemory.withUnsafeBytes { bytes in
            String(validating: bytes, as: UTF8.self) == nil ? nil : ConfiguredClasses(bytes, count: count)
        }
    }

    /// The names of the model's classes in its graph, or in its `config.json`; none if that contradicts itself.
    private var classNames: ClassNames {
        let inGraph = network.classNames.map { $0.enumerated().map { (name: $1, label: Int32($0)) } }
        let configured = inGraph == nil ? configuredClasses : nil
        let names = inGraph ?? (configured?.problem == nil ? configured?.names ?? [] : [])
        var known = ClassNames(names.filter { Int($0.label) < network.outputWidth }, count: network.outputWidth)
        known.areSeveralEach = configured?.problemType == ConfiguredClasses.severalEach
        known.problem = configured?.problem
        return known
    }

    /// Text is cut to the model's positions, and to no more than this where those are many or unbounded.
    private static let longestContext = 1024

    /// How the model reads data: text with its tokenizer, in windows that fit the model if the source sets no context.
    package func completed(_ source: DatasetSource) -> DatasetSource {
        var source = source
        source.context = source.context ?? defaultContext(source.path)
        if let tokenizer {
            source.tokenize = { try tokenizer.encode($0) }
            source.tokenizer = tokenizer
        }
        source.modelTask = task
        source.classNames = classNames
        if case .tokens(_, let positions) = network.input { source.longestSequence = positions }
        if case .values = network.input, let file = checkpoint.companions["preprocessor_config.json"] {
            let path = checkpoint.path + "/preprocessor_config.json"
            source.preprocessing = {
                do {
                    return try ImagePreprocessing(file)
                } catch let problem as Problem {
                    throw problem.at(path: path)
                }
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
    /// Token ids alone ask for the next token, or for masked tokens where the model predicts those; of a model without a head, of one that
    /// sees the next token and scores something else, or where the model is not asked for labels, they ask for nothing.
    package func dataset(_ source: DatasetSource) throws -> Dataset {
        var dataset = try completed(source).open()
        dataset.areLabelsGroups = source.labelsAreGroups
        dataset = try labelledAsInFile(dataset)
        if case .labels = dataset.targets, dataset.classNames.isEmpty, network.outputKind != .states {
            dataset.classNames = classNames.names
            if let problem = configuredClasses?.problem, !source.labelsAreGroups {
                dataset.notes.append("names of classes are left out: \(problem)")
            }
        }
        try checkKind(of: dataset, source)
        guard case .nextToken = dataset.targets else { return dataset }
        switch network.outputKind {
        case .states: return dataset.asking(.none)
        // What a model that sees the next token says of each is no guess at it.
        case .answers where network.readsLaterTokens: return dataset.asking(.none)
        default: break
        }
        return source.labelsAreGroups ? dataset.asking(.none) : dataset
    }

    /// Whether the data asks for what the model was trained to give, numbers or classes, where nobody says what is meant.
    private func checkKind(of dataset: Dataset, _ source: DatasetSource) throws(Problem) {
        guard source.task == nil, !source.labelsAreGroups, case .classes = network.outputKind,
            let problemType = configuredClasses?.problemType, ConfiguredClasses.problemTypes.contains(problemType)
        else { return }
        switch dataset.targets {
        case .labels where problemType == ConfiguredClasses.regression:
            throw Problem(
                dataset.name, "has a class for each sample, and the model gives numbers (problem_type)", expected: "numbers",
                hint: .giveTask(DataTask.classify.rawValue, means: "takes them for scores of classes"))
        case .numbers where problemType != ConfiguredClasses.regression:
            throw Problem(
                dataset.name, "has numbers for each sample, and the model gives classes (problem_type)", expected: "classes",
                hint: .giveTask(DataTask.regression.rawValue, means: "compares its scores with them"))
        default: return
        }
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
