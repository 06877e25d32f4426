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
        var hidden: Float?
        func fits(_ numbers: [Float]) -> Bool {
            numbers.allSatisfy { number in
                if number == 0 { return true }
                hidden = hidden ?? number
                return number == hidden && number <= -100
            }
        }
        // Weights differ from the first numbers on.
        let row = sliced(name, shape.dropLast().map { _ in .place(0) })
        guard fits(row.floats()), fits(floats()) else { return false }
        return hidden != nil
    }
}
