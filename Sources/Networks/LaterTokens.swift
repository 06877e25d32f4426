import Tensors

/// Whether a network's output at a position depends on the tokens that follow it: what makes next tokens a meaningless question.
///
/// Families say it, and so does attention that was recognised in a graph. Everything else that a graph may do is asked by running it: a few
/// sequences, then the same ones with other tokens at their end. Where nothing before those changes by a single bit, nothing is seen of them.
final class LaterTokens: Sendable {
    private let found = Derived<Bool>()

    /// Runs the network when it is first asked; a network that cannot be run sees nothing.
    func areRead(by network: Network) -> Bool {
        found.value { Self.run(network) }
    }

    /// Sequences are no longer than this where their length is open.
    private static let longest = 12

    private static func run(_ network: Network) -> Bool {
        guard case .tokens(let vocabulary, let positions) = network.input, vocabulary > 1,
            (try? network.values.check(holdingAll: true)) != nil
        else { return false }
        let length = network.fixedLength ?? max(network.shortestLength ?? 1, min(longest, positions ?? longest))
        guard length > 1,
            let executor = try? Executor(
                network, batch: .tokens(samples: 1, length: length), request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        else { return false }
        var generator = SeededGenerator(seed: 1)
        func token() -> Int32 { Int32(generator.next() % UInt64(vocabulary)) }
        /// The bits of the output, [length, width].
        func output(_ ids: [Int32]) -> [UInt32]? {
            executor.run(.tokens(TokenBatch(ids: ids, samples: 1, length: length)))[network.output]?.elements.map(\.bitPattern)
        }
        for _ in 0..<3 {
            let ids = (0..<length).map { _ in token() }
            guard let before = output(ids), before.count % length == 0 else { return false }
            let width = before.count / length
            for first in Set([length - 1, length / 2]) {
                // Every token from there on is another one.
                let changed = ids.enumerated().map { place, id in
                    place < first ? id : Int32((UInt64(id) + 1 + generator.next() % UInt64(vocabulary - 1)) % UInt64(vocabulary))
                }
                guard let after = output(changed) else { return false }
                if before.prefix(first * width) != after.prefix(first * width) { return true }
            }
        }
        return false
    }
}

extension Network {
    /// Whether the output at a position depends on later tokens; of families it is known, and false here.
    package var readsLaterTokens: Bool { laterTokens?.areRead(by: self) ?? false }

    /// What the output's numbers are. Where the parts of a graph do not show it, a model of tokens is run once to find whether it sees the next
    /// token, which it then cannot predict.
    package var outputKind: OutputKind {
        guard case .answers = anatomy.outputKind, case .tokens(let vocabulary, _) = input, outputWidth == vocabulary, readsLaterTokens
        else {
            return anatomy.outputKind
        }
        return .maskedTokens
    }
}
