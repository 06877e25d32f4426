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
        if case .labels = dataset.targets, case .tokens = network.input, !network.scoresClasses {
            throw Problem(
                name, "has a class for each sample, which a model of tokens does not score", expected: "token ids or answers")
        }
        try Self.checkOutput(network, dataset)
        if case .nextToken = dataset.targets, case .values = network.input {
            throw Problem(name, "has no classes for the model to find")
        }
        try checkScores(network, dataset, name)
        try checkClasses(network, dataset, name)
        try Self.checkNextTokens(network, dataset)
        if let largest = dataset.largestTarget, Int(largest.value) >= network.outputWidth {
            throw Problem(
                name, "sample \(largest.sample) has a label out of the model's range", expected: "0 to \(network.outputWidth - 1)",
                found: "\(largest.value)")
        }
    }

    /// What a model scores must be what the data asks for.
    private static func checkOutput(_ network: Network, _ dataset: Dataset) throws(Problem) {
        switch (network.anatomy.outputKind, dataset.targets) {
        case (.answers, _), (_, .none): return
        case (.states, _):
            throw Problem(
                dataset.name, "has answers, and the model has no head that scores any", expected: "a checkpoint with a head",
                found: "states of \(network.outputWidth) numbers")
        case (.classes, .nextToken):
            throw Problem(
                dataset.name, "asks for the next token, which the model does not score", expected: "a class for each sample",
                found: "a model of \(network.outputWidth) classes")
        case (.maskedTokens, .nextToken):
            throw Problem(
                dataset.name, "asks for the next token, which the model sees", expected: "sequences with a token hidden, and the token",
                hint: "an npz with x and y asks for one answer at the last position alone")
        case (.classes, _), (.maskedTokens, _): return
        }
    }

    /// Answers are looked up in tables of as many scores as the last layer with weights has outputs.
    private func checkScores(_ network: Network, _ dataset: Dataset, _ name: String) throws(Problem) {
        guard dataset.targets.areKnown, let sampleShape, let shapes = try? network.shapes(for: .values([1] + sampleShape)) else { return }
        let shape = shapes[network.output.index].dropFirst()
        guard shape.count == 1 || shape.count == 2, shape.last == network.outputWidth else {
            throw Problem(
                name, "the model's output is not a table of scores", expected: "\(network.outputWidth) scores a sample",
                found: shape.map(String.init).joined(separator: "x"))
        }
    }

    /// Rejects labels with far fewer classes than outputs if the output is as large as the input: the model reproduces it, such as an autoencoder.
    private func checkClasses(_ network: Network, _ dataset: Dataset, _ name: String) throws(Problem) {
        guard case .labels = dataset.targets, let sampleShape, sampleShape.reduce(1, *) == network.outputWidth,
            let largest = dataset.largestTarget, Int(largest.value) + 1 < network.outputWidth / 2
        else { return }
        throw Problem(
            name, "the model has as many outputs as inputs and is not a model of these classes", expected: "one output for each class",
            found: "\(network.outputWidth) outputs, labels up to \(largest.value)")
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
    fileprivate var scoresClasses: Bool { if case .classes = anatomy.outputKind { true } else { false } }
}
