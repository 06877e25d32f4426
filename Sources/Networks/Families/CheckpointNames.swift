import Checkpoints
import Text

/// A checkpoint's tensors by their names in the model, without the prefixes of training wrappers and base models.
struct CheckpointNames: Sendable {
    private var fullNames: [Substring: String] = [:]
    private var secondNames: [Substring: String] = [:]
    /// The prefix of the names of the model's body.
    private var prefix = ""

    init(_ checkpoint: Checkpoint) {
        // A tensor that cannot be read still exists: the builder reports why it cannot if it is needed.
        for name in checkpoint.tensors.map(\.name) + checkpoint.unreadable.map(\.name) {
            let bare = TensorName(name).bare
            if fullNames[bare] == nil {
                fullNames[bare] = name
            } else {
                secondNames[bare] = name
            }
            let front = name.dropLast(bare.count)
            if front.utf8.count > prefix.utf8.count { prefix = String(front) }
        }
    }

    /// Whether the model has the tensor.
    func has(_ name: String) -> Bool { fullNames[name[...]] != nil }

    /// The name in the checkpoint; for a tensor that is missing the one it would have.
    ///
    /// - Throws: ``Problem`` if two tensors go by the name.
    func fullName(_ name: String) throws(Problem) -> String {
        guard let full = fullNames[name[...]] else { return prefix + name }
        if let second = secondNames[name[...]] {
            throw Problem("appears twice", subject: "tensor '\(full)'", expected: "one '\(name)'", found: "'\(second)'")
        }
        return full
    }

    /// The shape of a tensor, which has `rank` dimensions, none of them 0.
    func shape(of name: String, rank: Int, in checkpoint: Checkpoint) throws(Problem) -> [Int] {
        let full = try fullName(name)
        let subject = "tensor '\(full)'"
        guard let shape = checkpoint[full]?.shape else {
            if let problem = checkpoint.problem(ofTensor: full) { throw problem }
            throw Problem("is missing", subject: subject, expected: "\(rank) dimensions")
        }
        guard shape.count == rank, !shape.contains(0) else {
            throw Problem("wrong shape", subject: subject, expected: "\(rank) dimensions", found: words(shape))
        }
        return shape
    }

    /// How many blocks there are, counted from the first, of tensors called `NAME.0.…`, `NAME.1.…`.
    func blocks(_ name: String) -> Int {
        let numbers = Set(parts(ofBlocks: name).map(\.block))
        return (0..<numbers.count).first { !numbers.contains($0) } ?? numbers.count
    }

    /// The tensors of blocks called `name`: the block's number and the name inside it.
    func parts(ofBlocks name: String) -> [(block: Int, part: Substring)] {
        let front = name + "."
        return fullNames.keys.compactMap { bare in
            guard bare.hasPrefix(front) else { return nil }
            let rest = bare.dropFirst(front.count)
            guard let point = rest.firstIndex(of: "."), let number = Int(rest[..<point]), number >= 0 else { return nil }
            return (number, rest[rest.index(after: point)...])
        }
    }
}
