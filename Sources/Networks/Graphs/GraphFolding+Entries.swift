import Checkpoints
import Text

/// The operators on known numbers that exporters compute masks and windows with.
extension GraphFolding {
    /// The sums of all numbers up to each along a dimension.
    static func sums(_ numbers: Numbers, axis: Int, _ node: ONNXModel.Node) -> Numbers? {
        guard let axis = self.axis(axis, numbers.shape.count), numbers.shape.indices.contains(axis), node.integer("exclusive") ?? 0 == 0,
            node.integer("reverse") ?? 0 == 0
        else { return nil }
        let inner = numbers.shape[(axis + 1)...].reduce(1, *)
        let length = numbers.shape[axis]
        var values = numbers.values
        for place in values.indices where place / inner % length > 0 { values[place] += values[place - inner] }
        return Numbers(numbers.shape, values)
    }

    /// For each place of `places`, the number at the same place but along one dimension, where it is the one that is named.
    static func elements(of numbers: Numbers, at places: Numbers, _ node: ONNXModel.Node) -> Numbers? {
        let shape = numbers.shape
        guard let axis = self.axis(node.integer("axis") ?? 0, shape.count), shape.indices.contains(axis), places.shape.count == shape.count,
            shape.indices.allSatisfy({ $0 == axis || places.shape[$0] <= shape[$0] })
        else { return nil }
        let (steps, own) = (IndexSteps.ofStored(shape), IndexSteps.ofStored(places.shape))
        var values: [Double] = []
        values.reserveCapacity(places.values.count)
        for (place, entry) in places.integers.enumerated() {
            let entry = entry < 0 ? entry &+ shape[axis] : entry
            guard entry >= 0, entry < shape[axis] else { return nil }
            var start = entry * steps[axis]
            for other in shape.indices where other != axis { start += place / own[other] % places.shape[other] * steps[other] }
            values.append(numbers.values[start])
        }
        return Numbers(places.shape, values)
    }

    /// The parts of a tensor at lists of places.
    static func entries(of numbers: Numbers, at places: Numbers, _ node: ONNXModel.Node) -> Numbers? {
        guard node.integer("batch_dims") ?? 0 == 0, let starts = starts(places, in: numbers.shape), let depth = places.shape.last else {
            return nil
        }
        let inner = Array(numbers.shape[depth...])
        let count = inner.reduce(1, *)
        guard starts.count * max(count, 1) <= Numbers.limit else { return nil }
        return Numbers(
            places.shape.dropLast() + inner, starts.flatMap { Array(numbers.values[$0..<$0 + count]) })
    }

    /// A tensor whose parts at lists of places are replaced.
    static func scattered(
        _ numbers: Numbers, _ node: ONNXModel.Node, _ places: Numbers?, _ updates: Numbers?
    ) throws(Problem) -> Numbers? {
        guard node.text("reduction") ?? "none" == "none", let places, let updates, let starts = starts(places, in: numbers.shape),
            let depth = places.shape.last
        else { return nil }
        let count = numbers.shape[depth...].reduce(1, *)
        guard updates.values.count == starts.count * count else {
            throw Problem("the new numbers do not fill the places", expected: "\(starts.count * count)", found: "\(updates.values.count)")
        }
        var values = numbers.values
        for (place, start) in starts.enumerated() {
            for index in 0..<count { values[start + index] = updates.values[place * count + index] }
        }
        return Numbers(numbers.shape, values)
    }

    /// Where the parts at lists of places begin; nil if one is outside.
    static func starts(_ places: Numbers, in shape: [Int]) -> [Int]? {
        guard let depth = places.shape.last, depth > 0, depth <= shape.count else { return nil }
        let (lengths, part) = (Array(shape.prefix(depth)), shape.dropFirst(depth).reduce(1, *))
        return try? IndexSteps.starts(of: places.integers, in: lengths, part: part)
    }

    /// Numbers repeated as a whole along each dimension.
    static func tiled(_ numbers: Numbers, _ times: [Int]) -> Numbers? {
        guard times.count == numbers.shape.count, times.allSatisfy({ $0 >= 0 && $0 <= Numbers.limit }) else { return nil }
        var shape: [Int] = []
        var count = 1
        for (length, times) in zip(numbers.shape, times) {
            let (product, overflows) = length.multipliedReportingOverflow(by: times)
            let (all, isTooMuch) = count.multipliedReportingOverflow(by: product)
            guard !overflows, !isTooMuch, all <= Numbers.limit else { return nil }
            shape.append(product)
            count = all
        }
        let (own, steps) = (IndexSteps.ofStored(numbers.shape), IndexSteps.ofStored(shape))
        let values = (0..<count).map { index in
            var place = 0
            for axis in shape.indices { place += index / steps[axis] % shape[axis] % numbers.shape[axis] * own[axis] }
            return numbers.values[place]
        }
        return Numbers(shape, values)
    }

    /// The upper or the lower triangle of matrices, the rest 0.
    static func triangle(_ numbers: Numbers, _ isUpper: Bool, _ diagonal: Int) -> Numbers? {
        guard numbers.shape.count >= 2, diagonal.magnitude < 1 << 40 else { return nil }
        let (rows, columns) = (numbers.shape[numbers.shape.count - 2], numbers.shape[numbers.shape.count - 1])
        var values = numbers.values
        for place in values.indices {
            let (row, column) = (place / columns % rows, place % columns)
            if isUpper ? column - row < diagonal : column - row > diagonal { values[place] = 0 }
        }
        return Numbers(numbers.shape, values)
    }

    /// A matrix with ones on one diagonal; nil for another number of dimensions.
    static func unit(_ shape: [Int], _ diagonal: Int) -> Numbers? {
        guard shape.count == 2, abs(diagonal) < 1 << 40 else { return nil }
        return Numbers(shape, (0..<shape[0]).flatMap { row in (0..<shape[1]).map { $0 - row == diagonal ? 1 : 0 } })
    }
}
