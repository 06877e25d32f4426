/// An array of a recording, named as in the file, with its shape.
package struct RecordedArray: Sendable, Equatable {
    /// The type of the numbers.
    package enum Element: String, Sendable {
        case float32 = "<f4"
        case int32 = "<i4"
        case int64 = "<i8"

        package var size: Int { self == .int64 ? 8 : 4 }
    }

    package let name: String
    package let element: Element
    package let shape: [Int]
    /// The site whose activations it holds; nil for what is written beside them.
    package let site: String?

    /// The size of the numbers in bytes; nil if it overflows.
    package var byteCount: Int? {
        var size = element.size
        for length in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: length)
            if overflow { return nil }
            size = product
        }
        return size
    }
}
