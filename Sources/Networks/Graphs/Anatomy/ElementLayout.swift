/// Where the elements of a rearranged tensor stand in the tensor that it was made of.
///
/// A place along a dimension is read as digits, the outermost first; each digit steps along one dimension of the source. Reshaping divides and
/// joins digits, transposing moves them, slicing shortens them.
struct ElementLayout: Equatable {
    /// Some places along a dimension of the source.
    struct Digit: Equatable {
        /// The source's dimension; nil where the same elements are repeated.
        let axis: Int?
        /// From one place to the next.
        var step: Int
        var length: Int
    }

    /// The digits of each dimension; none for a length of 1.
    var dimensions: [[Digit]]
    /// The first place along each dimension of the source.
    private(set) var starts: [Int]

    /// A tensor itself. Its lengths must be at least 1.
    init(_ shape: [Int]) {
        dimensions = shape.enumerated().map { $1 == 1 ? [] : [Digit(axis: $0, step: 1, length: $1)] }
        starts = shape.map { _ in 0 }
    }

    var shape: [Int] { dimensions.map { $0.reduce(1) { $0 * $1.length } } }

    /// Digits that step on from each other as one.
    private static func joined(_ digits: [Digit]) -> [Digit] {
        var joined: [Digit] = []
        for digit in digits {
            if let last = joined.last, last.axis == digit.axis, digit.axis == nil || last.step == digit.step * digit.length {
                joined[joined.count - 1] = Digit(axis: digit.axis, step: digit.step, length: last.length * digit.length)
            } else {
                joined.append(digit)
            }
        }
        return joined
    }

    /// The same elements in another shape; nil if a dimension would begin between the digits.
    func reshaped(to shape: [Int]) -> ElementLayout? {
        var rest = Array(Self.joined(Array(dimensions.joined())).reversed())
        var result = self
        result.dimensions = []
        for length in shape {
            var needed = length
            var digits: [Digit] = []
            while needed > 1 {
                guard let digit = rest.popLast() else { return nil }
                if needed % digit.length == 0 {
                    digits.append(digit)
                    needed /= digit.length
                } else if digit.length % needed == 0 {
                    let inner = digit.length / needed
                    digits.append(Digit(axis: digit.axis, step: digit.step * inner, length: needed))
                    rest.append(Digit(axis: digit.axis, step: digit.step, length: inner))
                    needed = 1
                } else {
                    return nil
                }
            }
            result.dimensions.append(Self.joined(digits))
        }
        return rest.isEmpty ? result : nil
    }

    func transposed(_ order: [Int]) -> ElementLayout? {
        guard order.sorted() == Array(dimensions.indices) else { return nil }
        var result = self
        result.dimensions = order.map { dimensions[$0] }
        return result
    }

    /// Every `step`th entry of a dimension from `first` on; nil if they are not those of one digit.
    func sliced(_ axis: Int, first: Int, count: Int, step: Int = 1) -> ElementLayout? {
        guard dimensions.indices.contains(axis), count > 0, step > 0 else { return nil }
        var result = self
        let digits = dimensions[axis]
        if first == 0, step == 1, count == shape[axis] { return self }
        guard digits.count == 1, let digit = digits.first else { return nil }
        if let source = digit.axis { result.starts[source] += first * digit.step }
        result.dimensions[axis] =
            count == 1 ? [] : [Digit(axis: digit.axis, step: digit.axis == nil ? digit.step : digit.step * step, length: count)]
        return result
    }

    /// Repeated along dimensions of length 1.
    func repeated(to shape: [Int]) -> ElementLayout? {
        guard shape.count >= dimensions.count else { return nil }
        var result = self
        result.dimensions = [[Digit]](repeating: [], count: shape.count - dimensions.count) + dimensions
        for (axis, length) in shape.enumerated() where length != result.shape[axis] {
            guard result.dimensions[axis].isEmpty else { return nil }
            result.dimensions[axis] = [Digit(axis: nil, step: 0, length: length)]
        }
        return result
    }

    /// Without a dimension of length 1.
    func removed(_ axis: Int) -> ElementLayout? {
        guard dimensions.indices.contains(axis), dimensions[axis].isEmpty else { return nil }
        var result = self
        result.dimensions.remove(at: axis)
        return result
    }

    /// What an operation that only moves elements makes of them; nil for all others.
    ///
    /// - Parameter output: the shape of its output.
    func moved(by operation: any Operation, to output: [Int]) -> ElementLayout? {
        guard output.allSatisfy({ $0 > 0 }) else { return nil }
        switch operation {
        case is Identity, is Scaling: return self
        case is Reshape, is Flatten: return reshaped(to: output)
        case let slice as Slice:
            guard slice.blocks == 1 else { return nil }
            return sliced(dimensions.count - 1, first: slice.start, count: slice.length)
        case let lookup as EntryLookup:
            guard let constant = lookup.constant, !lookup.isOfParameter, constant.numbers.count == 1,
                dimensions.indices.contains(lookup.axis)
            else { return nil }
            let entry = constant.numbers[0] < 0 ? constant.numbers[0] + shape[lookup.axis] : constant.numbers[0]
            let chosen = sliced(lookup.axis, first: entry, count: 1)
            return constant.shape.isEmpty ? chosen?.removed(lookup.axis) : chosen
        case let rearrangement as Rearrangement:
            switch rearrangement.kind {
            case .transposed(let order): return transposed(order)
            case .repeated: return repeated(to: output)
            case .sliced(let axis, let first, let end, let step):
                guard dimensions.indices.contains(axis) else { return nil }
                let entries = Rearrangement.entries(first: first, end: end, step: step, of: shape[axis])
                return sliced(axis, first: entries.first, count: entries.count, step: step)
            }
        default: return nil
        }
    }
}
