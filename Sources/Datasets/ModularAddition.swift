import Tensors
import Text

/// All pairs of modular addition as tokens `a b P`, where P represents the equals sign; the answer at the last position is (a + b) mod P.
struct ModularAddition {
    /// Which of the pairs.
    enum Part: String, CaseIterable {
        case all, train, test
    }

    let modulus: Int
    let part: Part
    private let name: String

    private static let prefix = "modadd:"
    /// The pairs stay below 2^24.
    private static let moduli = 2...4096

    /// Reads `modadd:P`, `modadd:P:train` or `modadd:P:test`; nil if `name` does not begin so.
    ///
    /// - Throws: ``Problem`` if what follows is something else.
    init?(_ name: String) throws {
        guard name.hasPrefix(Self.prefix) else { return nil }
        self.name = name
        let fields = name.dropFirst(Self.prefix.count).split(separator: ":", omittingEmptySubsequences: false)
        guard let modulus = Int(fields[0]), Self.moduli.contains(modulus) else {
            throw Problem(
                path: name, problem: "no modulus", expected: "modadd:P with P from \(Self.moduli.lowerBound) to \(Self.moduli.upperBound)",
                found: "'\(fields[0])'")
        }
        self.modulus = modulus
        guard fields.count > 1 else {
            part = .all
            return
        }
        guard fields.count == 2, let part = Part(rawValue: String(fields[1])), part != .all else {
            throw Problem(
                path: name, problem: "no such part of the pairs", expected: "train or test",
                found: "'\(fields.dropFirst().joined(separator: ":"))'")
        }
        self.part = part
    }

    /// The pairs in ascending order of a P + b.
    ///
    /// The train part is the first `trainFraction` P^2 pairs, rounded down, of a random order, and the test part is the others.
    ///
    /// - Throws: ``Problem`` if the part would be empty.
    func dataset(trainFraction: Double, seed: UInt64) throws -> Dataset {
        let pairs = try chosenPairs(trainFraction: trainFraction, seed: seed)
        var tokens: [Int32] = []
        var answers: [Int32] = []
        tokens.reserveCapacity(3 * pairs.count)
        answers.reserveCapacity(pairs.count)
        for pair in pairs {
            let (a, b) = (pair / modulus, pair % modulus)
            tokens.append(Int32(a))
            tokens.append(Int32(b))
            tokens.append(Int32(modulus))
            answers.append(Int32((a + b) % modulus))
        }
        return Dataset(name: name, inputs: .tokens(TokenSequences(tokens, length: 3)), targets: .answers(answers))
    }

    private func chosenPairs(trainFraction: Double, seed: UInt64) throws -> [Int] {
        let count = modulus * modulus
        var pairs = Array(0..<count)
        if part == .all { return pairs }
        guard trainFraction >= 0, trainFraction <= 1 else {
            throw Problem(path: name, problem: "no train fraction", expected: "0 to 1", found: "\(trainFraction)")
        }
        var generator = SeededGenerator(seed: seed, purpose: "modadd")
        pairs.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        let trainCount = Int(trainFraction * Double(count))
        let chosen = part == .train ? pairs[..<trainCount] : pairs[trainCount...]
        guard !chosen.isEmpty else {
            throw Problem(
                path: name, problem: "the part is empty", expected: "at least 1 of \(count) pairs",
                found: "a train fraction of \(trainFraction)")
        }
        return chosen.sorted()
    }
}
