import Datasets
import Networks
import Text

/// Pairs in batches for a network: pairs of the same length, in their order.
package struct PairBatches: Sendable {
    package let network: Network
    package let pairs: BehaviourPairs
    /// The pairs of each batch by their numbers. A batch has sequences of one length.
    package let batches: [[Int]]
    private let clean: SampleBatches
    private let corrupted: SampleBatches

    /// - Parameters:
    ///   - batchSize: the pairs of a batch; if nil, the number depends on the memory of a run.
    ///   - request: what a run will keep, by which its memory is measured.
    /// - Throws: ``Problem`` if a pair does not fit the network.
    package init(_ pairs: BehaviourPairs, for network: Network, batchSize: Int? = nil, request: RunRequest? = nil) throws {
        let network = network.scoring
        self.network = network
        self.pairs = pairs
        try Self.check(pairs, network)
        let order = (0..<pairs.count).sorted { (pairs.length(of: $0), $0) < (pairs.length(of: $1), $1) }
        clean = try SampleBatches(pairs.clean.selecting(order), for: network, batchSize: batchSize, request: request)
        corrupted = try SampleBatches(pairs.corrupted.selecting(order), for: network, batchSize: batchSize, request: request)
        batches = clean.ranges.map { $0.map { order[$0] } }
    }

    /// The clean samples of a batch.
    package func clean(_ place: Int) -> Batch { clean.batch(place) }

    /// The corrupted samples of a batch, in the same order.
    package func corrupted(_ place: Int) -> Batch { corrupted.batch(place) }

    /// The shape of a batch.
    package func shape(_ place: Int) -> BatchShape { clean.shape(place) }

    /// The length of a batch's sequences; 0 for samples of numbers.
    package func length(_ place: Int) -> Int { batches[place].first.map(pairs.length(of:)) ?? 0 }

    /// The answers of a batch's pairs.
    package func answers(_ place: Int) -> PairAnswers {
        PairAnswers(right: batches[place].map { pairs.answers[$0] }, wrong: batches[place].map { pairs.wrongAnswers[$0] })
    }

    /// Finds what does not fit the network, and the pair that it is in.
    ///
    /// - Throws: ``Problem``.
    package static func check(_ pairs: BehaviourPairs, _ network: Network) throws(Problem) {
        for pair in 0..<pairs.count {
            for answer in pairs.answers[pair] + pairs.wrongAnswers[pair] where Int(answer) >= network.outputWidth {
                throw Problem(
                    pairs.name, "pair \(pair) has an answer out of the model's range", expected: "0 to \(network.outputWidth - 1)",
                    found: "\(answer)")
            }
        }
        guard case .tokens(let vocabulary, let positions) = network.input else { return }
        for (kind, dataset) in [("clean", pairs.clean), ("corrupted", pairs.corrupted)] {
            guard case .tokens(let tokens) = dataset.inputs else { continue }
            for pair in 0..<pairs.count {
                let ids = tokens.tokens(of: pair)
                if let problem = network.lengthProblem(ids.count) {
                    throw problem.about("pair \(pair)").within(pairs.name)
                }
                if let positions, ids.count > positions {
                    throw Problem(
                        pairs.name, "pair \(pair): the prompts are longer than the model's positions",
                        expected: "at most \(positions) tokens",
                        found: "\(ids.count)")
                }
                if let place = ids.firstIndex(where: { Int($0) >= vocabulary }) {
                    throw Problem(
                        pairs.name,
                        "pair \(pair): the \(kind) prompt has a token beyond the vocabulary at position \(place - ids.startIndex)",
                        expected: "0 to \(vocabulary - 1)", found: "\(ids[place])")
                }
            }
        }
    }
}

/// The answers of a batch's pairs, in its order.
package struct PairAnswers: Sendable {
    package let right: [[Int32]]
    package let wrong: [[Int32]]

    package init(right: [[Int32]], wrong: [[Int32]]) {
        precondition(right.count == wrong.count, "\(right.count) and \(wrong.count) pairs")
        self.right = right
        self.wrong = wrong
    }

    /// The tokens that are an answer of some pair, in their order.
    package var tokens: [Int] { Set((right + wrong).flatMap { $0 }).sorted().map(Int.init) }

    /// The answers as places in a list of all their tokens.
    package func places(among tokens: [Int]) -> PairAnswers {
        let places = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { (Int32($1), Int32($0)) })
        func placed(_ lists: [[Int32]]) -> [[Int32]] { lists.map { $0.compactMap { places[$0] } } }
        return PairAnswers(right: placed(right), wrong: placed(wrong))
    }
}
