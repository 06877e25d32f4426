/// JSON on its way out, whose objects keep the order in which their members were declared.
package indirect enum JSONTree {
    /// Text that is JSON already.
    case literal(String)
    case array([JSONTree])
    /// Numbers by the thousand, which are kept as bytes.
    case numbers([UInt8])
    case object([(String, JSONTree)])

    /// Writes the value on one line, or with objects and arrays of them broken into lines.
    package func write(to text: inout ByteText, isIndented: Bool, depth: Int = 0) {
        func newLine(_ depth: Int) {
            guard isIndented else { return }
            text.append(byte: 10)
            for _ in 0..<depth { text.append("  ") }
        }
        switch self {
        case .literal(let json): text.append(text: json)
        case .numbers(let bytes): text.append(bytes: bytes)
        case .array(let elements):
            let breaks = elements.contains { if case .object = $0 { true } else { false } }
            text.append("[")
            for (place, element) in elements.enumerated() {
                if place > 0 { text.append(breaks || !isIndented ? "," : ", ") }
                if breaks { newLine(depth + 1) }
                element.write(to: &text, isIndented: isIndented, depth: depth + 1)
            }
            if breaks { newLine(depth) }
            text.append("]")
        case .object(let members):
            text.append("{")
            for (place, (key, value)) in members.enumerated() {
                if place > 0 { text.append(",") }
                newLine(depth + 1)
                text.append(text: JSONText.string(key))
                if isIndented { text.append(": ") } else { text.append(":") }
                value.write(to: &text, isIndented: isIndented, depth: depth + 1)
            }
            if !members.isEmpty { newLine(depth) }
            text.append("}")
        }
    }
}
