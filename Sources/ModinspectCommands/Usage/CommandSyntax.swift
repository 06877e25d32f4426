import ArgumentParser
import Text

/// The options and arguments of a subcommand, as the parser knows them.
struct CommandSyntax {
    /// One option or argument.
    struct Argument {
        /// `--format`, `-k`.
        var spellings: [String] = []
        var valueName: String?
        var allValues: [String]?
    }

    let arguments: [Argument]

    /// The long names of all options.
    var options: [String] { arguments.flatMap(\.spellings).filter { $0.hasPrefix("--") } }

    init(_ command: any ParsableCommand.Type) {
        var description = command._dumpHelp()
        arguments = description.withUTF8 { (try? JSONCursor.reading(UnsafeRawBufferPointer($0), Self.arguments)) ?? [] }
    }

    /// The arguments of the command that the parser's description is of.
    private static func arguments(_ cursor: inout JSONCursor) throws -> [Argument] {
        var found: [Argument] = []
        try cursor.readObject { cursor, key in
            guard key == "command" else { return try cursor.skip() }
            try cursor.readObject { cursor, key in
                guard key == "arguments" else { return try cursor.skip() }
                try cursor.readList { cursor in found.append(try argument(&cursor)) }
            }
        }
        return found
    }

    private static func argument(_ cursor: inout JSONCursor) throws -> Argument {
        var argument = Argument()
        try cursor.readObject { cursor, key in
            switch key {
            case "names": try cursor.readList { cursor in argument.spellings.append(try spelling(&cursor)) }
            case "valueName": argument.valueName = try cursor.readText()
            case "allValues": argument.allValues = try cursor.readTexts()
            default: try cursor.skip()
            }
        }
        return argument
    }

    private static func spelling(_ cursor: inout JSONCursor) throws -> String {
        var (kind, name) = ("", "")
        try cursor.readObject { cursor, key in
            switch key {
            case "kind": kind = try cursor.readText()
            case "name": name = try cursor.readText()
            default: try cursor.skip()
            }
        }
        return (kind == "long" ? "--" : "-") + name
    }

    /// The option of a name such as `--format`.
    func option(_ name: some StringProtocol) -> Argument? { arguments.first { $0.spellings.contains(String(name)) } }
}
