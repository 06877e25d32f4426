/// One row of a product whose inner dimension is short.
package enum LowRankRow {
    /// target [j] = scale * sum over k of left [k] right [k, j].
    ///
    /// The terms are added in the order of k, so that the bits of an element do not depend on which others are computed with it.
    ///
    /// - Parameters:
    ///   - right: a row for each element of `left`, `target.count` elements long.
    package static func multiply(
        _ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>, scale: Float,
        into target: UnsafeMutableBufferPointer<Float>
    ) {
        let width = target.count
        precondition(right.count >= left.count * width, "\(right.count) elements for \(left.count) x \(width)")
        guard width > 0, let output = target.baseAddress, let rows = right.baseAddress else { return }
        // A part of the row stays in the cache while all terms are added to it.
        for start in stride(from: 0, to: width, by: 1024) {
            let count = min(1024, width - start)
            let sums = output + start
            sums.update(repeating: 0, count: count)
            var k = 0
            while k + 4 <= left.count {
                let (a, b, c, d) = (left[k], left[k + 1], left[k + 2], left[k + 3])
                let first = rows + k * width + start
                let (second, third, fourth) = (first + width, first + 2 * width, first + 3 * width)
                for j in 0..<count {
                    sums[j] = (((sums[j] + a * first[j]) + b * second[j]) + c * third[j]) + d * fourth[j]
                }
                k += 4
            }
            while k < left.count {
                let a = left[k]
                let row = rows + k * width + start
                for j in 0..<count { sums[j] += a * row[j] }
                k += 1
            }
            for j in 0..<count { sums[j] *= scale }
        }
    }
}
