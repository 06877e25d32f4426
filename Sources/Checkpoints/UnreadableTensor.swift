import Archives
import Text

/// A tensor that a checkpoint names and that cannot be read. It does no harm until it is requested.
package struct UnreadableTensor: Sendable {
    /// The name in the checkpoint.
    package let name: String
    /// The type of its elements as the file spells it; nil if the file does not give it.
    package let dtype: String?
    /// The lengths of the dimensions; nil if the file does not give them.
    package let shape: [Int]?
    /// Its stored bytes, for code that can interpret them; nil if they are not contiguous.
    package let bytes: ByteRegion?
    /// Why it cannot be read, with its file and its name.
    package let problem: Problem
    /// Its place among all tensors of its model; nil if the order of the file means nothing.
    private(set) var place: Int?
    /// Whether it could be read in a whole file, if its type can: not what has no numbers by its kind.
    let isDamaged: Bool

    /// - Parameters:
    ///   - problem: what is wrong, without the tensor's name.
    ///   - path: the file; nil where whoever shows the problem names it.
    ///   - isDamaged: whether it could be read in a whole file, if its type can.
    init(
        name: String, dtype: String? = nil, shape: [Int]? = nil, bytes: ByteRegion? = nil, problem: Problem, path: String?,
        isDamaged: Bool = true
    ) {
        self.isDamaged = isDamaged
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
        self.problem = (path.map { problem.at(path: $0) } ?? problem).about("tensor '\(name)'")
    }

    /// Why it cannot be read, without the file and the name.
    package var reason: String {
        var reason = pathless
        reason.subject = nil
        return reason.summary
    }

    /// The problem for a caller who names the checkpoint.
    var pathless: Problem {
        var problem = problem
        problem.path = nil
        return problem
    }

    /// The same tensor at a place in its model.
    func at(_ place: Int) -> UnreadableTensor {
        var tensor = self
        tensor.place = place
        return tensor
    }

    /// Whether it could be a weight matrix: its shape is not known, or has two dimensions or more.
    var mayBeMatrix: Bool { shape.map { $0.count >= 2 } ?? true }
}

/// What became of a tensor that a file names.
enum ReadTensor: Sendable {
    case record(TensorRecord)
    case unreadable(UnreadableTensor)
}

extension WeightFile.Model {
    /// A model of tensors some of which could not be read.
    init(key: String, _ tensors: [ReadTensor]) {
        var records: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        for (place, tensor) in tensors.enumerated() {
            switch tensor {
            case .record(let record): records.append(record)
            case .unreadable(let tensor): unreadable.append(tensor.at(place))
            }
        }
        self.init(key: key, tensors: records, unreadable: unreadable)
    }
}
