import Checkpoints
import Text

/// Which lengths of sequences a graph of tokens runs with.
///
/// A graph is read for several lengths at once, of which the longest is usually 11. Where tables or masks end before that, it is read for the
/// longest with which it can be; with the one with which the model was traced, if it runs with no other; and where the file says none, with
/// lengths that its tensors and numbers suggest, if a single one of them goes together with its operators.
struct SequenceLengthSearch {
    let input: ONNXNetwork.GraphInput
    /// Lengths that the graph may have been made for, where it does not say; see ``LengthCandidates``.
    let candidates: () -> [Int]
    /// What one reading of the graph costs, in operators, beside those that it reaches.
    let cost: Int
    /// The network for an input; of an open length, as it shows with sequences of at most so many tokens. Counts the operators that it reaches.
    let read: (ONNXNetwork.GraphInput, Int, inout Int) throws(Problem) -> Network

    /// The longest sequences with which a graph is read.
    private static let most = 11
    /// The operators of all readings with candidates together.
    private static let budget = 1 << 17

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
        var reached = 0
        guard input.length == nil else { return try read(input, 0, &reached) }
        let shortest = input.lengths.shortest ?? 1
        let longest = min(input.lengths.longest ?? .max, max(Self.most, shortest + 8))
        guard shortest <= longest else {
            throw Problem("is for sequences of no length", expected: "\(shortest) tokens", found: "\(longest)")
        }
        let failure: Failure
        do throws(Problem) {
            return try read(input, longest, &reached)
        } catch {
            failure = Failure(problem: error, reached: reached, length: Self.lengths(from: shortest, to: longest)[0])
        }
        if let bounded = bounded(from: shortest, below: longest) { return bounded }
        if let traced = input.lengths.traced {
            return try read(fixed(traced), 0, &reached)
        }
        return try single(after: failure, above: shortest, to: input.lengths.longest ?? 1 << 16)
    }

    private func fixed(_ length: Int) -> ONNXNetwork.GraphInput {
        var input = input
        input.shape[0] = length
        return input
    }

    /// The network for the longest sequences with which it can be read, where there are shorter ones.
    private func bounded(from shortest: Int, below longest: Int) -> Network? {
        func network(_ length: Int) -> Network? {
            var (input, reached) = (input, 0)
            input.lengths.longest = length
            return try? read(input, length, &reached)
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

    // MARK: A single length

    /// Why a graph is not read with a length, and how many of its operators were.
    private struct Failure {
        let problem: Problem
        let reached: Int
        let length: Int

        /// The problem, with the length that nobody gave.
        var explained: Problem {
            var problem = problem
            problem.hint = problem.hint ?? .words("the file leaves the length of sequences open, and it was read for \(length) tokens")
            return problem
        }
    }

    /// The network for the only length of all candidates with which the graph can be read.
    ///
    /// A length of 1 is none of them: a table of any number of positions goes together with it.
    ///
    /// - Throws: ``Problem`` of the length with which most of the graph was read, if it is read with none; and for several lengths.
    private func single(after failure: Failure, above shortest: Int, to longest: Int) throws(Problem) -> Network {
        var (waiting, tried, spent) = (candidates().filter { $0 > shortest && $0 <= longest }, Set<Int>(), 0)
        var found: (length: Int, network: Network)?
        var furthest = failure
        while !waiting.isEmpty {
            let length = waiting.removeFirst()
            guard length > shortest, length <= longest, tried.insert(length).inserted else { continue }
            guard spent <= Self.budget else { throw furthest.explained }
            var reached = 0
            do throws(Problem) {
                let network = try read(fixed(length), 0, &reached)
                if let found { throw severalLengths(found.length, length) }
                found = (length, network)
                // Whatever goes together with these too has no fixed length.
                waiting = [length - 1, length + 1, 2 * length, length / 2] + waiting
            } catch {
                if error.what == Self.severalProblem { throw error }
                if reached > furthest.reached { furthest = Failure(problem: error, reached: reached, length: length) }
                // What is the same for any length does not depend on it.
                if found == nil, length != failure.length, error == failure.problem, reached == failure.reached { throw error }
            }
            spent += cost + reached
        }
        guard let found else { throw furthest.explained }
        return found.network
    }

    private static let severalProblem = "the graph runs with several lengths of sequences, but not with any"

    private func severalLengths(_ first: Int, _ second: Int) -> Problem {
        Problem(
            Self.severalProblem, subject: "input '\(input.name)'", expected: "a length in the file, or an open one",
            found: "\(min(first, second)) and \(max(first, second)) tokens")
    }
}

/// Lengths of sequences that the tensors and numbers of a graph suggest.
enum LengthCandidates {
    /// The most numbers of a list that may be a shape.
    private static let listLimit = 16
    /// The longest sequences that a file may fix.
    private static let limit = 1 << 16

    /// In ascending order: the lengths of tensors, numbers in the lists of the graph, and how many rows as wide as one tensor the width of another has.
    static func lengths(_ model: ONNXModel, _ checkpoint: Checkpoint) -> [Int] {
        var (sides, numbers): (Set<Int>, Set<Int>) = ([], [])
        for stored in model.stored.values {
            sides.formUnion(stored.shape)
            if stored.type.isWhole, stored.shape.count <= 1, stored.shape.first ?? 1 <= listLimit, let record = checkpoint[stored.tensor],
                record.elementCount <= listLimit
            {
                numbers.formUnion(record.doubles().map(GraphNumbers.integer))
            }
        }
        for node in model.nodes where node.operation == "Constant" {
            for attribute in node.attributes.values {
                switch attribute {
                case .tensor(let constant):
                    sides.formUnion(constant.shape)
                    guard constant.type.isWhole, constant.shape.count <= 1, constant.shape.first ?? 1 <= listLimit else { continue }
                    numbers.formUnion((try? constant.values())?.map(GraphNumbers.integer) ?? [])
                case .integer(let number): numbers.insert(number)
                case .integers(let list) where list.count <= listLimit: numbers.formUnion(list)
                default: break
                }
            }
        }
        let range = 2...limit
        sides = sides.filter(range.contains)
        var all = sides.union(numbers.filter(range.contains))
        if sides.count <= 64 {
            for side in sides { for other in sides where other < side && side % other == 0 { all.insert(side / other) } }
        }
        all.remove(1)
        return all.sorted()
    }
}
