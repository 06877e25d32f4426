import Glibc

/// A byte buffer for building text, for millions of rows.
package struct ByteText {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    package mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(text: String) { bytes.append(contentsOf: text.utf8) }

    package mutating func append(bytes other: [UInt8]) { bytes.append(contentsOf: other) }

    package mutating func append(byte: UInt8) { bytes.append(byte) }

    package mutating func append(_ value: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        let start = bytes.count
        repeat {
            let (quotient, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
            bytes.append(48 + UInt8(truncatingIfNeeded: digit))
            magnitude = quotient
        } while magnitude > 0
        bytes[start...].reverse()
    }

    /// The shortest digits that read back as the same number; `nan`, `inf`, `-inf`.
    package mutating func append(_ value: Double) { bytes.append(contentsOf: Self.shortest(value).utf8) }

    /// The shortest digits that read back as the same single-precision number.
    package mutating func append(_ value: Float) { bytes.append(contentsOf: value.description.utf8) }

    /// The shortest digits that read back as the same number, whole numbers without a `.0`.
    package static func shortest(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return value == 0 && value.sign == .minus ? "-0" : "\(Int(value))" }
        return value.isNaN ? "nan" : value.description
    }

    /// For display: four decimals, or two significant digits where those would show nothing.
    package static func rounded(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let magnitude = abs(value)
        if magnitude != 0, magnitude < 0.00005 { return formatted("%.1e", value) }
        return magnitude < 1e9 ? formatted("%.4f", value) : formatted("%.4g", value)
    }

    /// For display: a fixed number of decimals.
    package static func fixed(_ value: Double, digits: Int) -> String { formatted("%.\(digits)f", value) }

    private static func formatted(_ format: String, _ value: Double) -> String {
        var text = [CChar](repeating: 0, count: 64)
        let count = withVaList([value]) { vsnprintf(&text, text.count, format, $0) }
        return String(decoding: text.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A count with its thousands apart, for display: `124,439,808`.
    package static func grouped(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// A count of things, for display: `1 pair`, `2 pairs`.
    package static func counted(_ value: Int, _ thing: String) -> String { grouped(value) + " " + thing + (value == 1 ? "" : "s") }

    /// A number of bytes in a unit that suits it, for display: `497.8 MB`.
    package static func size(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["bytes", "kB", "MB", "GB"] {
            if value < 1000 { return unit == "bytes" ? counted(bytes, "byte") : formatted("%.1f", value) + " " + unit }
            value /= 1000
        }
        return formatted("%.1f", value) + " TB"
    }
}
