/// How far a score lies from its null model, in words that sentences and titles of pictures have in common.
package enum NullDistance {
    /// From so many standard deviations on a layer is more modular than noise.
    package static let moreFrom = 2.0
    /// From so many on it is far more modular.
    package static let farMoreFrom = 10.0

    /// How many digits after the point numbers of one sentence have: two, or as many as the smallest needs for a digit of its own, up to five.
    package static func digits(_ values: some Sequence<Double>) -> Int {
        let smallest = values.lazy.map { abs($0) }.filter { $0 > 0 && $0.isFinite }.min() ?? 1
        var digits = 2
        var half = 0.005
        while smallest < half, digits < 5 {
            half /= 10
            digits += 1
        }
        return digits
    }
}
