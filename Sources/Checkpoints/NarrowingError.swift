import Text

/// A number of a tensor that the type it is converted to cannot hold.
package struct NarrowingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The tensor's name.
    package let tensor: String
    /// The number.
    package let value: Double

    package var problem: String { "has a weight beyond the range of f32" }
    package var expected: String { "at most 3.40e38 in magnitude" }
    package var description: String { "tensor '\(tensor)': \(problem), expected \(expected), found \(value)".singleLine }
}
