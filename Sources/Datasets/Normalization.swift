import Text

/// The mean that is subtracted from values and the deviation that divides them, for each channel.
package struct Normalization: Sendable, Equatable {
    /// One for all channels, or one for each.
    package let means: [Float]
    /// As many as there are means, each positive.
    package let deviations: [Float]

    /// - Parameters:
    ///   - means: at least one.
    ///   - deviations: as many as there are means, each positive and finite.
    package init(means: [Float], deviations: [Float]) {
        precondition(
            !means.isEmpty && means.count == deviations.count && deviations.allSatisfy { $0 > 0 && $0.isFinite },
            "means \(means), deviations \(deviations)")
        self.means = means
        self.deviations = deviations
    }

    /// Reads `MEAN,STD`, or the means of all channels and then their standard deviations: `M1,M2,M3,S1,S2,S3`.
    ///
    /// - Throws: ``Problem`` if the numbers are not pairs, not finite, or a deviation is not positive.
    package init(_ text: String) throws {
        func refusal(_ problem: String, expected: String, found: String) -> Problem {
            Problem(problem, setting: .normalization, expected: expected, found: found)
        }
        let fields = text.split(separator: ",", omittingEmptySubsequences: false)
        var numbers: [Float] = []
        for field in fields {
            guard let number = Float(decimal: field) else {
                throw refusal("not a number", expected: "MEAN,STD", found: "'\(field)'")
            }
            numbers.append(number)
        }
        guard numbers.count % 2 == 0, !numbers.isEmpty else {
            throw refusal("as many means as standard deviations are needed", expected: "MEAN,STD", found: "\(numbers.count) numbers")
        }
        let half = numbers.count / 2
        if let bad = numbers[half...].firstIndex(where: { $0 <= 0 }) {
            throw refusal("a standard deviation that is not positive", expected: "more than 0", found: "\(fields[bad])")
        }
        self.init(means: Array(numbers[..<half]), deviations: Array(numbers[half...]))
    }
}
