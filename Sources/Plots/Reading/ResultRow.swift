import Text

/// An object of JSON or a row of tsv: both are asked by the names that JSON has, `null.mean` for a member of an object, which in
/// tsv is the column `null_mean`.
struct ResultRow: Sendable {
    /// The columns of a tsv file by name.
    typealias Header = [String: Int]

    private enum Content: Sendable {
        case object(ResultValue)
        case fields(Header, [Substring])
    }

    private let content: Content

    init(_ object: ResultValue) { content = .object(object) }

    init(_ header: Header, _ fields: [Substring]) { content = .fields(header, fields) }

    /// The name of a column in tsv.
    static func column(_ name: String) -> String {
        var column = ""
        for character in name {
            if character == "." {
                column += "_"
            } else if character.isUppercase {
                column += "_" + character.lowercased()
            } else {
                column.append(character)
            }
        }
        return column
    }

    private func value(_ name: String) -> ResultValue? {
        switch content {
        case .object(var value):
            for part in name.split(separator: ".") {
                guard let member = value[String(part)] else { return nil }
                value = member
            }
            return value
        case .fields: return nil
        }
    }

    private func field(_ name: String) -> Substring? {
        guard case .fields(let header, let fields) = content, let place = header[Self.column(name)], place < fields.count else {
            return nil
        }
        return fields[place]
    }

    /// Whether there is such a member or column, whatever its value.
    func has(_ name: String) -> Bool {
        switch content {
        case .object: value(name) != nil
        case .fields(let header, _): header[Self.column(name)] != nil
        }
    }

    /// The number; nil where it is missing, null, `nan` or no number.
    func number(_ name: String) -> Double? {
        switch content {
        case .object: if case .number(let number)? = value(name), number.isFinite { number } else { nil }
        case .fields: field(name).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
        }
    }

    /// The whole number, likewise.
    func whole(_ name: String) -> Int? { number(name).flatMap { Int(exactly: $0) } }

    /// The text; nil where it is missing or null, which tsv writes as `-`.
    func text(_ name: String) -> String? {
        switch content {
        case .object: if case .text(let text)? = value(name) { text } else { nil }
        case .fields: field(name).flatMap { $0 == "-" || $0.isEmpty ? nil : TSVText.unescaped($0) }
        }
    }

    /// True or false, which tsv writes as 1 and 0.
    func flag(_ name: String) -> Bool? {
        switch content {
        case .object: if case .flag(let flag)? = value(name) { flag } else { nil }
        case .fields: field(name).flatMap { $0 == "1" ? true : $0 == "0" ? false : nil }
        }
    }

    /// A list of numbers; nil in it where one is null.
    func numbers(_ name: String) -> [Double?]? {
        switch value(name) {
        case .integers(let numbers): numbers.map { Double($0) }
        case .list(let values): values.map { if case .number(let number) = $0, number.isFinite { number } else { nil } }
        default: nil
        }
    }

    /// A list of whole numbers.
    func integers(_ name: String) -> [Int]? {
        if case .integers(let numbers)? = value(name) { numbers } else { nil }
    }

    /// A table of whole numbers, a list for each row; nil unless all rows have as many.
    func table(_ name: String) -> [[Int]]? {
        guard case .list(let values)? = value(name) else { return nil }
        let rows = values.compactMap { if case .integers(let row) = $0 { row } else { nil } }
        return rows.count == values.count && rows.allSatisfy({ $0.count == rows[0].count }) ? rows : nil
    }

    /// A table of numbers, a list for each row; nil in it where one is null.
    func matrix(_ name: String) -> [[Double?]]? {
        func numbers(_ value: ResultValue) -> [Double?]? {
            switch value {
            case .integers(let numbers): numbers.map { Double($0) }
            case .list(let values): values.map { if case .number(let number) = $0, number.isFinite { number } else { nil } }
            default: nil
            }
        }
        guard case .list(let values)? = value(name) else { return nil }
        let rows = values.compactMap(numbers)
        return rows.count == values.count ? rows : nil
    }

    /// A list of texts.
    func texts(_ name: String) -> [String]? {
        switch value(name) {
        case .integers(let numbers) where numbers.isEmpty: []
        case .list(let values): values.compactMap { if case .text(let text) = $0 { text } else { nil } }
        default: nil
        }
    }

    /// The objects of a list; empty where there is none.
    func rows(_ name: String) -> [ResultRow] {
        guard case .list(let values)? = value(name) else { return [] }
        return values.compactMap { if case .object = $0 { ResultRow($0) } else { nil } }
    }

    /// Whether there is a list.
    func hasList(_ name: String) -> Bool {
        switch value(name) {
        case .integers, .list: true
        default: false
        }
    }

    /// The object under a name.
    func row(_ name: String) -> ResultRow? {
        guard let value = value(name), case .object = value else { return nil }
        return ResultRow(value)
    }

    /// The columns whose names begin so, with what follows and the number in them: `accuracy_0` for `accuracy_`.
    func columns(behind prefix: String) -> [(rest: String, value: Double?)] {
        guard case .fields(let header, let fields) = content else { return [] }
        return header.filter { $0.key.hasPrefix(prefix) && $0.value < fields.count }.sorted { $0.value < $1.value }.map {
            (String($0.key.dropFirst(prefix.count)), Double(fields[$0.value]).flatMap { $0.isFinite ? $0 : nil })
        }
    }
}

/// The escapes of tab-separated values.
enum TSVText {
    /// The field without its escapes: `\t`, `\n`, `\r`, `\\` and `\u{...}`; what is no escape stays as it is.
    static func unescaped(_ field: Substring) -> String {
        guard field.utf8.contains(UInt8(ascii: "\\")) else { return String(field) }
        var text = ""
        var rest = field[...]
        while let character = rest.popFirst() {
            guard character == "\\", let next = rest.first else {
                text.append(character)
                continue
            }
            if let plain: Character = ["t": "\t", "n": "\n", "r": "\r", "0": "\0", "\\": "\\"][next] {
                text.append(plain)
                rest = rest.dropFirst()
            } else if next == "u", rest.dropFirst().first == "{", let end = rest.prefix(9).firstIndex(of: "}"),
                let code = UInt32(rest[..<end].dropFirst(2), radix: 16), let scalar = Unicode.Scalar(code)
            {
                text.unicodeScalars.append(scalar)
                rest = rest[rest.index(after: end)...]
            } else {
                text.append(character)
            }
        }
        return text
    }
}
