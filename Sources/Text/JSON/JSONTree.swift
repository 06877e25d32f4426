/// JSON to be written, whose objects keep the order in which their members were declared.
package indirect enum JSONTree {
    /// Text that is JSON already.
    case literal(String)
    case array([JSONTree])
    /// Many objects, each made when it is written: their number, and what makes one.
    case rows(Int, (Int) throws -> JSONTree)
    /// Many numbers, kept as bytes.
    case numbers([UInt8])
    case object([(String, JSONTree)])

    /// Writes the value on one line, or with objects and arrays of them broken into lines.
    ///
    /// - Parameter drain: called with the text after each element of an array; it may consume and clear the text.
    package func write(
        to text: inout ByteText, isIndented: Bool, depth: Int = 0, drain: (inout ByteText) throws -> Void = { _ in }
    ) throws {
        func newLine(_ depth: Int) {
            guard isIndented else { return }
            text.append(byte: 10)
            for _ in 0..<depth { text.append("  ") }
        }
        func write(_ count: Int, breaks: Bool, _ element: (Int) throws -> JSONTree) throws {
            text.append("[")
            for place in 0..<count {
                if place > 0 { text.append(breaks || !isIndented ? "," : ", ") }
                if breaks { newLine(depth + 1) }
                try element(place).write(to: &text, isIndented: isIndented, depth: depth + 1, drain: drain)
                try drain(&text)
            }
            if breaks { newLine(depth) }
            text.append("]")
        }
        switch self {
        case .literal(let json): text.append(text: json)
        case .numbers(let bytes): text.append(bytes: bytes)
        case .array(let elements):
            try write(elements.count, breaks: elements.contains { if case .object = $0 { true } else { false } }) { elements[$0] }
        case .rows(let count, let element): try write(count, breaks: count > 0, element)
        case .object(let members):
            text.append("{")
            for (place, (key, value)) in members.enumerated() {
                if place > 0 { text.append(",") }
                newLine(depth + 1)
                text.append(text: JSONText.string(key))
                if isIndented { text.append(": ") } else { text.append(":") }
                try value.write(to: &text, isIndented: isIndented, depth: depth + 1, drain: drain)
            }
            if !members.isEmpty { newLine(depth) }
            text.append("}")
        }
    }
}
