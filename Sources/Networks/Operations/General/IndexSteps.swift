import Text

/// How a walk over the elements of a shape, in row-major order, steps through the memory of a tensor: a distance for each dimension.
///
/// A transposition, a slice and a repetition are all such walks: a repeated dimension has distance 0.
struct IndexSteps: Sendable {
    /// The lengths that are walked over, neighbours joined where the steps allow it; at least one.
    private let lengths: [Int]
    /// The distances of each tensor in each dimension.
    private let steps: [[Int]]
    /// The place of the first element of each tensor.
    private let starts: [Int]

    /// - Parameter tensors: the place of the first element and the distance for each dimension of `shape`, for every tensor that is walked through.
    init(_ shape: [Int], _ tensors: [(start: Int, steps: [Int])]) {
        var lengths: [Int] = []
        var steps: [[Int]] = tensors.map { _ in [] }
        for (axis, length) in shape.enumerated() where length != 1 {
            // The dimension before continues into this one.
            if let last = lengths.last, tensors.indices.allSatisfy({ steps[$0].last! == tensors[$0].steps[axis] * length }) {
                lengths[lengths.count - 1] = last * length
                for place in tensors.indices { steps[place][lengths.count - 1] = tensors[place].steps[axis] }
            } else {
                lengths.append(length)
                for place in tensors.indices { steps[place].append(tensors[place].steps[axis]) }
            }
        }
        if lengths.isEmpty {
            lengths = [1]
            steps = tensors.map { _ in [0] }
        }
        self.lengths = lengths
        self.steps = steps
        starts = tensors.map(\.start)
    }

    /// The number of rows: walks along the last dimension.
    var rows: Int { lengths.dropLast().reduce(1, *) }
    /// The length of a row.
    var width: Int { lengths[lengths.count - 1] }

    /// The distance from an element of a row to the next.
    func step(_ tensor: Int) -> Int { steps[tensor][lengths.count - 1] }

    /// The place where a row begins.
    func start(of row: Int, _ tensor: Int) -> Int {
        var (rest, place) = (row, starts[tensor])
        for axis in (0..<lengths.count - 1).reversed() {
            place += rest % lengths[axis] * steps[tensor][axis]
            rest /= lengths[axis]
        }
        return place
    }

    /// The distances of a tensor that is stored in row-major order.
    static func ofStored(_ shape: [Int]) -> [Int] {
        var steps = [Int](repeating: 1, count: shape.count)
        for axis in (0..<max(0, shape.count - 1)).reversed() { steps[axis] = steps[axis + 1] * shape[axis + 1] }
        return steps
    }

    /// Where the parts at lists of places begin in a tensor that is stored without gaps.
    ///
    /// - Parameters:
    ///   - places: one list after the other, each with a place in every dimension of `lengths`; negative ones count from the end.
    ///   - lengths: the first dimensions of the tensor, which the lists choose in.
    ///   - part: the number of elements of a part.
    /// - Throws: ``Problem`` if a place is outside its dimension.
    static func starts(of places: [Int], in lengths: [Int], part: Int = 1) throws(Problem) -> [Int] {
        let steps = ofStored(lengths)
        var starts: [Int] = []
        for first in stride(from: 0, to: places.count, by: max(lengths.count, 1)) {
            var start = 0
            for (axis, length) in lengths.enumerated() {
                let place = places[first + axis] < 0 ? places[first + axis] &+ length : places[first + axis]
                guard place >= 0, place < length else {
                    throw Problem("an entry outside the dimension", expected: "0 to \(length - 1)", found: "\(place)")
                }
                start += place * steps[axis]
            }
            starts.append(start * part)
        }
        return starts
    }

    /// The distances of a tensor that is repeated to fill a shape of as many or more dimensions.
    static func repeated(_ shape: [Int], to target: [Int]) -> [Int] {
        let own = ofStored(shape)
        return target.indices.map { axis in
            let place = axis - (target.count - shape.count)
            return place < 0 || shape[place] == 1 ? 0 : own[place]
        }
    }
}

extension Problem {
    /// The most numbers that one output may have: shapes of more are mistakes, and sums of sizes cannot overflow.
    private static let largestOutput = 1 << 40

    /// Checks that an output of this shape has a number of elements that can be computed with.
    static func check(elementsOf shape: [Int]) throws(Problem) {
        var count = 1
        for length in shape {
            guard length >= 0 else { throw Problem("a negative length", found: "\(length)") }
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow, product <= largestOutput else {
                throw Problem("an output too large to be computed", expected: "at most \(largestOutput) numbers", found: words(shape))
            }
            count = product
        }
    }
}

/// The shape that two shapes fill when each is repeated along its dimensions of length 1 (NumPy's and ONNX's rule).
func repeatedShape(_ a: [Int], _ b: [Int]) throws(Problem) -> [Int] {
    let rank = max(a.count, b.count)
    var shape: [Int] = []
    for axis in 0..<rank {
        let (i, j) = (axis - (rank - a.count), axis - (rank - b.count))
        let (x, y) = (i < 0 ? 1 : a[i], j < 0 ? 1 : b[j])
        guard x == y || x == 1 || y == 1 else {
            throw Problem("shapes that do not go together", expected: words(a), found: words(b))
        }
        shape.append(x == 1 ? y : x)
    }
    try Problem.check(elementsOf: shape)
    return shape
}
