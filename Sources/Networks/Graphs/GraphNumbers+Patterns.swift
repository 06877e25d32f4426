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

    /// Squares of two numbers, one for the last positions up to each and one for all others: what a sliding window shows. nil if they are others.
    static func band(_ numbers: [GraphNumbers]) -> BatchNumbers.Kind? {
        guard let longest = numbers.max(by: { $0.shape.last ?? 0 < $1.shape.last ?? 0 }), let width = longest.shape.last, width > 2,
            longest.values.count >= width * width, let inside = longest.values.first
        else { return nil }
        let outside = longest.values[1]
        guard outside != inside, let size = (1..<width).first(where: { longest.values[$0 * width] != inside }) else { return nil }
        for list in numbers {
            guard list.shape.count >= 2, let width = list.shape.last, list.shape[list.shape.count - 2] == width, width > 0 else {
                return nil
            }
            for (place, value) in list.values.enumerated() {
                let distance = place / width % width - place % width
                guard value == ((0..<size).contains(distance) ? inside : outside) else { return nil }
            }
        }
        return .band(size: size, inside: Float(inside), outside: Float(outside))
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
