/// A value beside those of random controls.
package struct RandomComparison: Sendable, Equatable {
    /// How many controls there are, whether their values are defined or not.
    package let samples: Int
    /// The mean of the controls; nil, like all that follows, unless the value and those of all controls are defined.
    package let mean: Double?
    /// With n - 1 in the denominator; nil for fewer than two controls.
    package let standardDeviation: Double?
    /// (1 + the controls that are at least as extreme) / (n + 1).
    package let p: Double?

    /// - Parameters:
    ///   - isDefined: whether a number counts as a value; without one nothing can be compared.
    ///   - isExtreme: whether a control's value, the first argument, is at least as extreme as the observed one.
    package init(
        _ observed: Double?, among random: [Double?], isDefined: (Double) -> Bool, isExtreme: (Double, Double) -> Bool
    ) {
        samples = random.count
        let values = random.compactMap { $0 }.filter(isDefined)
        guard let observed, isDefined(observed), !values.isEmpty, values.count == random.count else {
            (mean, standardDeviation, p) = (nil, nil, nil)
            return
        }
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        standardDeviation =
            values.count > 1
            ? (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot() : nil
        p = Double(1 + values.count { isExtreme($0, observed) }) / Double(values.count + 1)
    }
}
