import Text

/// One column of a result, declared once: tables, tsv, json and the manual's page of formats are read from it.
///
/// Its name is the path of its key in json with `_` between the words: `null.sd` is `null_sd`, `relativeChange` is `relative_change`.
struct Column<Row>: Sendable {
    /// The keys in json, from the outside in.
    let path: [String]
    let documentation: String
    /// Whether tables and tsv have the column too; json alone has lists.
    let isInTables: Bool
    private let get: @Sendable (Row) -> ColumnValue

    /// A column of text. For every kind of column, `key` is the key in json, in camel case, with dots for nested objects; `documentation` describes
    /// the values and when they are missing.
    static func text(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> String?) -> Column {
        Column(key, documentation) { .text(value($0)) }
    }

    static func whole(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> Int?) -> Column {
        Column(key, documentation) { .whole(value($0)) }
    }

    static func number(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> Double?) -> Column {
        Column(key, documentation) { .number(value($0)) }
    }

    static func flag(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> Bool) -> Column {
        Column(key, documentation) { .flag(value($0)) }
    }

    /// A list of whole numbers, between commas in tables and tsv.
    static func wholes(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> [Int]?) -> Column {
        Column(key, documentation) { .wholes(value($0)) }
    }

    /// The dimensions of a tensor: `3x4` in tables and tsv, a list in json.
    static func shape(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> [Int]) -> Column {
        Column(key, documentation) { .shape(value($0)) }
    }

    /// What json alone has.
    static func json(_ key: String, _ documentation: String, _ value: @escaping @Sendable (Row) -> (any Encodable)?) -> Column {
        Column(key, documentation, isInTables: false) { .json(value($0)) }
    }

    fileprivate init(_ key: String, _ documentation: String, isInTables: Bool = true, _ value: @escaping @Sendable (Row) -> ColumnValue) {
        path = key.split(separator: ".").map(String.init)
        self.documentation = documentation
        self.isInTables = isInTables
        get = value
    }

    /// The name in tables and tsv.
    var name: String { path.map(Self.snakeCase).joined(separator: "_") }

    private static func snakeCase(_ word: String) -> String {
        word.reduce(into: "") { text, character in
            if character.isUppercase { text += "_" }
            text += character.lowercased()
        }
    }

    func value(of row: Row) -> ColumnValue { get(row) }

    /// The same column of a row that has this one's row in it.
    func of<Outer>(_ inner: @escaping @Sendable (Outer) -> Row) -> Column<Outer> {
        Column<Outer>(path.joined(separator: "."), documentation, isInTables: isInTables) { [get] in get(inner($0)) }
    }

    /// The column of a row that has this one's row under `key`.
    func within<Outer>(_ key: String, _ inner: @escaping @Sendable (Outer) -> Row) -> Column<Outer> {
        Column<Outer>(([key] + path).joined(separator: "."), documentation, isInTables: isInTables) { [get] in get(inner($0)) }
    }
}

/// A value of a column; nil if it is missing or undefined.
enum ColumnValue {
    case text(String?)
    case whole(Int?)
    case number(Double?)
    case flag(Bool)
    case wholes([Int]?)
    case shape([Int])
    case json((any Encodable)?)

    /// As tsv writes it: numbers with every digit and `nan` if they are undefined, a missing whole number empty, so that a column
    /// of whole numbers stays whole, and `-` for a missing name.
    var tsv: String {
        switch self {
        case .text(let text): text ?? "-"
        case .whole(let number): number.map(String.init) ?? ""
        case .number(let number): TSV.number(number)
        case .flag(let flag): flag ? "1" : "0"
        case .wholes(let numbers): (numbers ?? []).map(String.init).joined(separator: ",")
        case .shape(let shape): shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: "x")
        case .json: ""
        }
    }

    /// For display: rounded, `-` for what is missing.
    var text: String {
        switch self {
        case .text(let text): text ?? "-"
        case .whole(let number): number.map(String.init) ?? "-"
        case .number(let number): number.map(ByteText.rounded) ?? "nan"
        case .flag(let flag): flag ? "yes" : ""
        case .wholes, .shape: tsv
        case .json: ""
        }
    }

    /// How a table aligns it.
    var alignment: TextTable.Alignment {
        switch self {
        case .whole, .number: .right
        case .text, .flag, .wholes, .shape, .json: .left
        }
    }

    fileprivate var isMissing: Bool {
        switch self {
        case .text(let text): text == nil
        case .whole(let number): number == nil
        case .number(let number): number == nil
        case .flag, .shape: false
        case .wholes(let numbers): numbers == nil
        case .json(let value): value == nil
        }
    }

    fileprivate func encode(
        to container: inout KeyedEncodingContainer<ColumnKey>, forKey key: ColumnKey
    ) throws {
        switch self {
        case .text(let text): try container.encode(text, forKey: key)
        case .whole(let number): try container.encode(number, forKey: key)
        case .number(let number): try container.encode(number, forKey: key)
        case .flag(let flag): try container.encode(flag, forKey: key)
        case .wholes(let numbers): try container.encode(numbers, forKey: key)
        case .shape(let shape): try container.encode(shape, forKey: key)
        case .json(let value?): try container.encode(value, forKey: key)
        case .json(nil): try container.encodeNil(forKey: key)
        }
    }
}

struct ColumnKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
}

extension Array {
    /// The header line of tsv.
    func header<Row>(after names: [String] = [], before others: [String] = []) -> String where Element == Column<Row> {
        TSV.row(names + filter(\.isInTables).map(\.name) + others)
    }

    /// A line of tsv.
    func tsv<Row>(_ row: Row, after fields: [String] = [], before others: [String] = []) -> String where Element == Column<Row> {
        TSV.row(fields + filter(\.isInTables).map { $0.value(of: row).tsv } + others)
    }

    /// The columns of some names, in the order of the names, for a table that shows only those.
    func named<Row>(_ names: [String]) -> [Column<Row>] where Element == Column<Row> {
        names.map { name in
            guard let column = first(where: { $0.name == name }) else { preconditionFailure("no column \(name)") }
            return column
        }
    }

    /// A table as text.
    func table<Row>(_ rows: [Row]) -> TextTable where Element == Column<Row> {
        let columns = filter(\.isInTables)
        let alignments = columns.map { column in rows.first.map { column.value(of: $0).alignment } ?? .left }
        var table = TextTable(zip(columns, alignments).map { ($0.name, $1) })
        for row in rows { table.add(columns.map { $0.value(of: row).text }) }
        return table
    }

    /// Writes the members of an object, with nested objects for paths; an object whose members are all missing is null.
    func encode<Row>(_ row: Row, to encoder: any Encoder) throws where Element == Column<Row> {
        var container = encoder.container(keyedBy: ColumnKey.self)
        try encode(row, depth: 0, to: &container)
    }

    private func encode<Row>(
        _ row: Row, depth: Int, to container: inout KeyedEncodingContainer<ColumnKey>
    ) throws where Element == Column<Row> {
        var start = startIndex
        while start < endIndex {
            let key = ColumnKey(stringValue: self[start].path[depth])
            let end = self[start...].firstIndex { $0.path[depth] != key.stringValue } ?? endIndex
            let group = Array(self[start..<end])
            if group[0].path.count == depth + 1 {
                try group[0].value(of: row).encode(to: &container, forKey: key)
            } else if group.allSatisfy({ $0.value(of: row).isMissing }) {
                try container.encodeNil(forKey: key)
            } else {
                var inner = container.nestedContainer(keyedBy: ColumnKey.self, forKey: key)
                try group.encode(row, depth: depth + 1, to: &inner)
            }
            start = end
        }
    }
}

/// A row of a result whose json is its columns.
protocol ColumnRow: Encodable, Sendable {
    static var columns: [Column<Self>] { get }
}

extension ColumnRow {
    func encode(to encoder: any Encoder) throws { try Self.columns.encode(self, to: encoder) }
}

/// A json document: a head, then its own members, which are declared once.
protocol HeadedReport: Encodable {
    associatedtype Head: Encodable
    var head: Head { get }
    static var members: [Column<Self>] { get }
}

extension HeadedReport {
    func encode(to encoder: any Encoder) throws {
        try head.encode(to: encoder)
        try Self.members.encode(self, to: encoder)
    }
}
