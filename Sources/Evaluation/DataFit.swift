import Archives
import Datasets
import Networks
import Text

extension Problem {
    /// - Parameter data: the data's name.
    package init(_ data: String, _ what: String, expected: String? = nil, found: String? = nil, hint: Hint? = nil) {
        self.init(what, subject: data, expected: expected, found: found, hint: hint)
    }
}

/// Whether a network can run on a data set, checked before anything runs.
package struct DataFit {
    /// The shape of a sample of numbers as the network reads it; nil for tokens.
    package let sampleShape: [Int]?

    /// - Throws: ``Problem`` naming the data and the sample.
    package init(_ network: Network, _ dataset: Dataset) throws(Problem) {
        let name = dataset.name
        do throws(Problem) {
            switch (dataset.inputs, network.input) {
            case (.values(let values), _):
                let shape = try network.sampleShape(for: values.shape)
                sampleShape = shape
                _ = try network.shapes(for: .values([1] + shape))
            case (.tokens(let tokens), .tokens(let vocabulary, let positions)):
                sampleShape = nil
                if network.fixedLength != nil || network.shortestLength != nil {
                    for sample in 0..<tokens.count {
                        if let problem = network.lengthProblem(tokens.length(of: sample)) { throw problem.about("sample \(sample)") }
                    }
                }
                if let positions, tokens.maximumLength > positions {
                    throw Problem(
                        "a sequence is longer than the model's positions", expected: "at most \(positions) tokens",
                        found: "\(tokens.maximumLength)", hint: .setContext(positions, cut: "text and flat token ids"))
                }
                if let largest = tokens.largestToken(), Int(largest.value) >= vocabulary {
                    throw Problem(
                        "sample \(largest.sample) has a token beyond the vocabulary at position \(largest.position)",
                        expected: "0 to \(vocabulary - 1)", found: "\(largest.value)")
                }
                _ = try network.shapes(for: .tokens(samples: 1, length: max(1, tokens.maximumLength)))
            case (.tokens, .values(let shape)):
                throw Problem(
                    "the model reads numbers", expected: "samples of \(shape.map { $0.map(String.init) ?? "any" }.joined(separator: "x"))",
                    found: "token ids")
            }
        } catch {
            throw error.within(name)
        }
        switch dataset.targets {
        case .labels where dataset.areLabelsGroups, .answers where dataset.areLabelsGroups: return
        default: break
        }
        if case .labels = dataset.targets, case .tokens = network.input, !network.scoresClasses {
            let task = network.outputKind == .maskedTokens ? "masked" : "next-token"
            throw Problem(
                name, "has a class for each sample, which a model of tokens does not score", expected: "token ids or answers",
                hint: .giveTask(task, means: "leaves the labels aside"))
        }
        try Self.checkOutput(network, dataset)
        try checkNumbers(network, dataset)
        if case .nextToken = dataset.targets, case .values = network.input {
            throw Problem(name, "has no classes for the model to find")
        }
        try checkScores(network, dataset, name)
        try checkClasses(network, dataset, name)
        try Self.checkNextTokens(network, dataset)
        if let largest = dataset.largestTarget, Int(largest.value) >= network.outputWidth {
            throw Problem(
                name, "sample \(largest.sample) has a label out of the model's range", expected: "0 to \(network.outputWidth - 1)",
                found: "\(largest.value)",
                hint: Self.isRegression(network, dataset) ? .giveTask("regression", means: "compares outputs with labels as numbers") : nil)
        }
    }

    /// Whether a model of one output is asked for labels: it gives a number, and no classes.
    private static func isRegression(_ network: Network, _ dataset: Dataset) -> Bool {
        if case .labels = dataset.targets { network.outputWidth == 1 } else { false }
    }

    /// What a model scores must be what the data asks for.
    private static func checkOutput(_ network: Network, _ dataset: Dataset) throws(Problem) {
        switch (network.outputKind, dataset.targets) {
        case (.answers, .masked):
            throw Problem(
                dataset.name, "asks for masked tokens, and the model predicts the next one", expected: "text",
                hint: .giveTask("next-token", means: "asks for that"))
        case (.answers, _), (_, .none): return
        case (.states, _):
            throw Problem(
                dataset.name, "has answers, and the model has no head that scores any", expected: "a checkpoint with a head",
                found: "states of \(network.outputWidth) numbers")
        case (.classes, .nextToken), (.classes, .masked):
            throw Problem(
                dataset.name, "asks for tokens, which the model does not score", expected: "a class for each sample",
                found: "a model of \(network.outputWidth) classes")
        case (.maskedTokens, .nextToken):
            throw Problem(
                dataset.name, "asks for the next token, which the model sees", expected: "sequences with a token hidden, and the token",
                hint: .giveTask("masked", means: "hides tokens of text"))
        case (.classes, _), (.maskedTokens, _): return
        }
    }

    /// Answers are looked up in tables of as many scores as the last layer with weights has outputs.
    private func checkScores(_ network: Network, _ dataset: Dataset, _ name: String) throws(Problem) {
        guard dataset.targets.areKnown, !dataset.targets.areNumbers, let sampleShape,
            let shapes = try? network.shapes(for: .values([1] + sampleShape))
        else { return }
        let shape = shapes[network.output.index].dropFirst()
        guard shape.count == 1 || shape.count == 2, shape.last == network.outputWidth else {
            throw Problem(
                name, "the model's output is not a table of scores", expected: "\(network.outputWidth) scores a sample",
                found: shape.map(String.init).joined(separator: "x"))
        }
    }

    /// Numbers are compared with outputs one by one.
    private func checkNumbers(_ network: Network, _ dataset: Dataset) throws(Problem) {
        let wanted: Int
        switch (dataset.targets, dataset.inputs) {
        case (.numbers(let numbers), _): wanted = numbers.width
        case (.inputs, .values(let values)): wanted = values.valuesPerSample
        default: return
        }
        for batch in batchesOfOne(dataset) {
            let shape: [Int] = (try network.shapes(for: batch))[network.output.index].dropFirst() + []
            let count = shape.reduce(1, *)
            guard count == wanted else {
                let found = shape.count > 1 ? "\(count) (\(shape.map(String.init).joined(separator: "x")))" : "\(count)"
                throw Problem(
                    dataset.name, "the model has not as many outputs as there are numbers to compare them with",
                    expected: "\(wanted) a sample", found: found)
            }
        }
    }

    /// The shapes of single samples: of sequences, the shortest and the longest.
    private func batchesOfOne(_ dataset: Dataset) -> [BatchShape] {
        if let sampleShape { return [.values([1] + sampleShape)] }
        guard case .tokens(let tokens) = dataset.inputs else { return [] }
        let lengths = (0..<tokens.count).map { tokens.length(of: $0) }
        return Set([lengths.min() ?? 1, lengths.max() ?? 1]).sorted().map { .tokens(samples: 1, length: max(1, $0)) }
    }

    /// Outputs that are so many times the classes are not those classes: they are an embedding, or the input again, or other classes.
    private static let mostOutputsPerClass = 4
    /// A model of so few outputs may be asked about a few of its classes.
    private static let fewOutputs = 16

    /// Rejects labels of a model that has far more outputs than the labels have classes, unless it was said that it scores them; where the
    /// output is as large as the input, as in an autoencoder, twice as many are enough.
    private func checkClasses(_ network: Network, _ dataset: Dataset, _ name: String) throws(Problem) {
        guard case .labels = dataset.targets, !dataset.areClassesStated, let classes = dataset.classCount else { return }
        let isAsLarge = sampleShape.map { $0.reduce(1, *) == network.outputWidth } ?? false
        guard
            isAsLarge && classes < network.outputWidth / 2
                || network.outputWidth > Self.fewOutputs && network.outputWidth / Self.mostOutputsPerClass >= classes
        else { return }
        let what =
            isAsLarge
            ? "the model has as many outputs as inputs and is not a model of these classes" : "the model is not one of these classes"
        throw Problem(
            name, what, expected: "one output for each class", found: "\(network.outputWidth) outputs, labels up to \(classes - 1)",
            hint: .giveTask("classify", means: "says that it is" + (isAsLarge ? "; reconstruction compares outputs with inputs" : "")))
    }

    /// A model may read more tokens than it scores: those are not answers.
    private static func checkNextTokens(_ network: Network, _ dataset: Dataset) throws(Problem) {
        guard case .nextToken = dataset.targets, case .tokens(let tokens) = dataset.inputs,
            case .tokens(let vocabulary, _) = network.input, vocabulary > network.outputWidth
        else { return }
        for sample in 0..<tokens.count {
            let ids = tokens.tokens(of: sample)
            guard let place = ids.dropFirst().firstIndex(where: { Int($0) >= network.outputWidth }) else { continue }
            throw Problem(
                dataset.name, "sample \(sample) has a token that the model reads but does not score, at position \(place - ids.startIndex)",
                expected: "next tokens from 0 to \(network.outputWidth - 1)", found: "\(ids[place])",
                hint: "an npz with x and y asks for one answer at the last position alone")
        }
    }
}

extension Network {
    /// Whether the output scores classes of whole samples.
    fileprivate var scoresClasses: Bool { if case .classes = outputKind { true } else { false } }
}
