import Checkpoints
import Text

/// Which lengths of sequences a graph of tokens runs with.
///
/// A graph is read for several lengths at once, of which the longest is usually 11. Where tables or masks end before that, it is read for the
/// longest with which it can be; and with the one with which the model was traced, if it runs with no other.
struct SequenceLengthSearch {
    let input: ONNXNetwork.GraphInput
    /// The network for an input; of an open length, as it shows with sequences of at most so many tokens.
    let read: (ONNXNetwork.GraphInput, Int) throws(Problem) -> Network

    /// The longest sequences with which a graph is read.
    private static let most = 11

    /// The lengths with which a graph is read, no linear function of the samples where there are enough of them.
    static func lengths(from low: Int, to high: Int) -> [Int] {
        let low = max(1, min(low, high))
        switch high - low {
        case 0: return [low, low, low, low]
        case 1: return [low, high, low, high]
        case 2: return [low + 1, high, low, high]
        default:
            let first = min(max(low, 3), high - 2)
            return [first, first + 2, first + 1, high]
        }
    }

    func network() throws(Problem) -> Network {
        guard input.length == nil else { return try read(input, 0) }
        let shortest = input.lengths.shortest ?? 1
        let longest = min(input.lengths.longest ?? .max, max(Self.most, shortest + 8))
        guard shortest <= longest else {
            throw Problem("is for sequences of no length", expected: "\(shortest) tokens", found: "\(longest)")
        }
        let failure: Problem
        do throws(Problem) {
            return try read(input, longest)
        } catch {
            failure = error
        }
        if let bounded = bounded(from: shortest, below: longest) { return bounded }
        if let traced = input.lengths.traced {
            var fixed = input
            fixed.shape[0] = traced
            if let network = try? read(fixed, 0) { return network }
        }
        throw failure
    }

    /// The network for the longest sequences with which it can be read, where there are shorter ones.
    private func bounded(from shortest: Int, below longest: Int) -> Network? {
        func network(_ length: Int) -> Network? {
            var input = input
            input.lengths.longest = length
            return try? read(input, length)
        }
        var low = shortest + 2
        guard low < longest, var found = network(low) else { return nil }
        var high = longest
        while high - low > 1 {
            let middle = (low + high) / 2
            if let network = network(middle) { (low, found) = (middle, network) } else { high = middle }
        }
        return found
    }
}
