/// Masks by their numbers, for tensors that no name tells apart from weights.
extension TensorRecord {
    /// The most numbers of a tensor that are looked at.
    private static let maskLimit = 1 << 24

    /// Whether the numbers are those of a mask that is added to the scores of attention: square matrices of 0 and, in all other places, minus
    /// infinity or one large negative number.
    var isAddedMask: Bool {
        guard dtype.isFloatingPoint, shape.count >= 2, shape.last == shape[shape.count - 2], elementCount <= Self.maskLimit,
            let width = shape.last, width > 1
        else { return false }
        var mask = MaskNumbers<Float>()
        // Weights differ from the first numbers on.
        let row = sliced(name, shape.dropLast().map { _ in .place(0) })
        return mask.take(row.floats()) && mask.take(floats()) && mask.other != nil
    }
}

/// The numbers of a mask: 0, and in all other places one large negative number, or 1 where masks of zeros and ones count too.
package struct MaskNumbers<Number: BinaryFloatingPoint> {
    /// The number beside 0; nil as long as there is none.
    package private(set) var other: Number?
    private let mayBeOnes: Bool

    package init(orOnes mayBeOnes: Bool = false) { self.mayBeOnes = mayBeOnes }

    /// - Returns: whether these numbers and all those before may be a mask's.
    package mutating func take(_ numbers: [Number]) -> Bool {
        numbers.allSatisfy { number in
            if number == 0 { return true }
            other = other ?? number
            return number == other && (number <= -100 || mayBeOnes && number == 1)
        }
    }
}
