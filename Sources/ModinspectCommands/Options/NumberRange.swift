import ArgumentParser
import Text

/// The numbers that an option takes, which are finite and written in decimal digits.
struct NumberRange: Sendable {
    /// What is expected, in words.
    private let expectation: String
    private let contains: @Sendable (Double) -> Bool

    private init(_ expectation: String, _ contains: @escaping @Sendable (Double) -> Bool) {
        self.expectation = expectation
        self.contains = contains
    }

    static let any = NumberRange("a number") { _ in true }
    static let nonNegative = NumberRange("a number of at least 0") { $0 >= 0 }
    static let positive = NumberRange("a number above 0") { $0 > 0 }
    /// Of a whole: all of it, but not nothing.
    static let share = NumberRange("a number above 0 and at most 1") { $0 > 0 && $0 <= 1 }
    /// Of a whole that is divided: neither all nor nothing.
    static let part = NumberRange("a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    /// Of what was before and stays; all of it would stay for ever.
    static let decay = NumberRange("a number from 0 to below 1") { $0 >= 0 && $0 < 1 }
    static let seconds = NumberRange("a number of seconds from 0 to 100000000") { $0 >= 0 && $0 <= 1e8 }

    /// The number that an option is given.
    ///
    /// - Throws: what was expected and found, for ``UsageError`` to put the option's name before.
    func number(_ text: String) throws -> Double {
        guard let number = Double(decimal: text), contains(number) else {
            throw ValidationError("expected \(expectation), found '\(text)'")
        }
        return number
    }
}
