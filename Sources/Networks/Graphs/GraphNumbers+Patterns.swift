/// What numbers that depend on the batch's size have in common for all sizes.
extension GraphNumbers {
    /// Squares of three numbers, below, on and above the diagonal: what hides the positions that follow. nil if they are others.
    static func triangle(_ numbers: [GraphNumbers]) -> BatchNumbers.Kind? {
        var found: [Double?] = [nil, nil, nil]
        for list in numbers {
            guard list.shape.count >= 2, let width = list.shape.last, list.shape[list.shape.count - 2] == width, width > 0 else {
                return nil
            }
            for (place, value) in list.values.enumerated() {
                let side = (place % width - place / width % width).signum() + 1
                guard found[side] == nil || found[side] == value else { return nil }
                found[side] = value
            }
        }
        guard let below = found[0], let diagonal = found[1], let above = found[2] else { return nil }
        return .triangle(below: Float(below), diagonal: Float(diagonal), above: Float(above))
    }

    /// Where rows of numbers begin that go up by the same step; nil if they do not.
    static func progression(_ numbers: [GraphNumbers]) -> (starts: [Int], step: Float)? {
        guard let long = numbers.first(where: { ($0.shape.last ?? 0) > 1 }), long.values.count > 1 else { return nil }
        let step = long.values[1] - long.values[0]
        for list in numbers {
            guard let width = list.shape.last, width > 0, let first = list.values.first else { return nil }
            for (place, value) in list.values.enumerated() where value != first + Double(place % width) * step { return nil }
        }
        guard numbers.allSatisfy({ !$0.values.isEmpty && $0.values[0] == $0.values[0].rounded() }) else { return nil }
        return (numbers.map { $0.integers[0] }, Float(step))
    }
}
