import Text

/// What the operations of a program are called with.
extension TorchExportGraph {
    /// A whole number, or the name of one that an operation computes.
    enum Symbol {
        case number(Int)
        case name(String)
    }

    /// A tensor's name or several, a plain value, or whole numbers some of which are computed; others are none of these.
    struct Argument {
        var tensor: String?
        var tensors: [String]?
        var setting: SavedModule.Setting?
        var symbols: [Symbol]?
        /// Numbers with a point.
        var reals: [Double]?
        var isNone = false
        /// Tensors some of which are left out.
        var optionalTensors: [String?]?
        /// Operations of their own, which an operation runs.
        var region: Region?

        /// The names of tensors and computed numbers.
        var names: [String] {
            let computed = (symbols ?? []).compactMap { symbol -> String? in if case .name(let name) = symbol { name } else { nil } }
            return (tensor.map { [$0] } ?? []) + (tensors ?? []) + (optionalTensors ?? []).compactMap { $0 } + computed
        }

        init() {}

        init(_ cursor: inout JSONCursor) throws {
            guard cursor.peek() == UInt8(ascii: "{") else {
                try cursor.skip()
                return
            }
            try cursor.readObject { cursor, kind in
                switch kind {
                case "as_tensor": tensor = try Self.name(&cursor)
                case "as_tensors":
                    var names: [String] = []
                    try cursor.readList { cursor in names.append(try Self.name(&cursor) ?? "") }
                    tensors = names
                case "as_optional_tensors":
                    var names: [String?] = []
                    try cursor.readList { cursor in names.append(try Argument(&cursor).tensor) }
                    optionalTensors = names
                case "as_graph": region = try Region(&cursor)
                case "as_none":
                    isNone = true
                    try cursor.skip()
                case "as_sym_int":
                    symbols = [try Self.symbol(&cursor)]
                    if case .number(let number)? = symbols?.first { setting = .integer(number) }
                case "as_sym_ints":
                    var read: [Symbol] = []
                    try cursor.readList { cursor in read.append(try Self.symbol(&cursor)) }
                    symbols = read
                case "as_floats": if case .list(let numbers) = try cursor.value() { reals = numbers.compactMap(\.real) }
                case "as_int", "as_ints", "as_float", "as_bool", "as_string":
                    setting = Self.setting(kind, try cursor.value())
                    if case .integer(let number)? = setting { symbols = [.number(number)] }
                    if case .integers(let numbers)? = setting { symbols = numbers.map { .number($0) } }
                default: try cursor.skip()
                }
            }
        }

        private static func symbol(_ cursor: inout JSONCursor) throws -> Symbol {
            var symbol: Symbol?
            try cursor.readObject { cursor, kind in
                switch kind {
                case "as_int": symbol = try cursor.value().wholeNumber.map { .number($0) }
                case "as_name": symbol = .name(try cursor.readText())
                default: try cursor.skip()
                }
            }
            guard let symbol else { throw Problem("a length is neither a number nor computed") }
            return symbol
        }

        /// The names of a program's outputs; empty for those that are no single tensor.
        static func names(_ cursor: inout JSONCursor) throws -> [String] {
            var names: [String] = []
            try cursor.readList { cursor in names.append(try Argument(&cursor).tensor ?? "") }
            return names
        }

        /// The names of an operation's outputs, those of a list of tensors one by one; empty for those that are none.
        static func allNames(_ cursor: inout JSONCursor) throws -> [String] {
            var names: [String] = []
            try cursor.readList { cursor in
                let argument = try Argument(&cursor)
                if let several = argument.tensors { names += several } else { names.append(argument.names.first ?? "") }
            }
            return names
        }

        /// The name in a tensor's description.
        static func name(_ cursor: inout JSONCursor) throws -> String? {
            guard cursor.peek() == UInt8(ascii: "{") else {
                try cursor.skip()
                return nil
            }
            var name: String?
            try cursor.readMember("name") { cursor in name = try cursor.readText() }
            return name
        }

        private static func setting(_ kind: String, _ value: JSONValue) -> SavedModule.Setting? {
            switch kind {
            case "as_int": return value.wholeNumber.map { .integer($0) }
            case "as_float":
                // What JSON has no number for is a word.
                let words = ["Infinity": Double.infinity, "-Infinity": -.infinity, "NaN": .nan]
                return (value.real ?? value.text.flatMap { words[$0] }).map { .real($0) }
            case "as_bool": return value.flag.map { .boolean($0) }
            case "as_string": return value.text.map { .text($0) }
            default:
                guard case .list(let elements) = value else { return nil }
                let numbers = elements.compactMap(\.wholeNumber)
                return numbers.count == elements.count ? .integers(numbers) : nil
            }
        }
    }
}
