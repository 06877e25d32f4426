import Text

extension JSONValue {
    /// The value that a line of JSON holds.
    ///
    /// - Throws: ``Problem`` for anything but an object.
    init(line: [UInt8]) throws(Problem) {
        let value: JSONValue
        do {
            value = try line.withUnsafeBytes { try JSONCursor.reading($0) { try $0.value() } }
        } catch {
            throw Problem(error)
        }
        guard case .object = value else { throw Problem("is not a JSON object", expected: "an object", found: value.kind) }
        self = value
    }

    /// The member of an object; nil if there is none or it is null.
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self, let member = members.last(where: { $0.name == name }), member.value != .null else {
            return nil
        }
        return member.value
    }

    /// The whole number; nil for anything else.
    var whole: Int? { if case .integer(let number) = self { number } else { nil } }

    /// The elements of a list; empty for anything else.
    var elements: [JSONValue] { if case .list(let values) = self { values } else { [] } }
}

extension [JSONValue] {
    /// The strings of the list; nil if there is anything else in it.
    var texts: [String]? {
        let texts = compactMap(\.text)
        return texts.count == count ? texts : nil
    }

    /// The whole numbers of the list; nil if there is anything else in it.
    func wholes(in range: ClosedRange<Int>) -> [Int]? {
        let wholes = compactMap { $0.whole.flatMap { range.contains($0) ? $0 : nil } }
        return wholes.count == count ? wholes : nil
    }
}
