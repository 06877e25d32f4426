/// Rows scaled to unit length.
package enum UnitLength {
    /// y = x / max(|x|, epsilon) for each row.
    package static func apply(to source: Tensor, epsilon: Float, into target: MutableTensor, team: Team) {
        let width = source.width
        team.forEach(source.rows, step: RowSoftmax.step(max(width, 1))) { rows in
            for row in rows {
                let (x, y) = (source.pointer + row * width, target.mutablePointer + row * width)
                let length = max(length(x, width), epsilon)
                for i in 0..<width { y[i] = x[i] / length }
            }
        }
    }

    /// dx += (dy - y (y . dy)) / |x|; dy / epsilon for rows shorter than that.
    package static func addGradient(
        at source: Tensor, outputGradient: Tensor, epsilon: Float, to gradient: MutableTensor, team: Team
    ) {
        let width = source.width
        team.forEach(source.rows, step: RowSoftmax.step(max(width, 1))) { rows in
            for row in rows {
                let (x, dy) = (source.pointer + row * width, outputGradient.pointer + row * width)
                let dx = gradient.mutablePointer + row * width
                let length = length(x, width)
                guard length > epsilon else {
                    for i in 0..<width { dx[i] += dy[i] / epsilon }
                    continue
                }
                var product = 0.0
                for i in 0..<width { product += Double(x[i]) * Double(dy[i]) }
                let share = Float(product) / (length * length)
                for i in 0..<width { dx[i] += (dy[i] - x[i] * share) / length }
            }
        }
    }

    private static func length(_ row: UnsafePointer<Float>, _ width: Int) -> Float {
        var sum = 0.0
        for i in 0..<width { sum += Double(row[i]) * Double(row[i]) }
        return Float(sum.squareRoot())
    }
}
