import Foundation
import TestSupport

/// What the command says about itself with `--experimental-dump-help`.
struct CommandDescription: Decodable {
    struct Name: Decodable {
        let kind: String
        let name: String
    }

    struct Argument: Decodable {
        let kind: String
        let names: [Name]?
        let valueName: String?
        let defaultValue: String?
        let allValues: [String]?
        let abstract: String?
        let discussion: String?

        /// The names as mdoc's `Fl` takes them: `-layers`, `k`.
        var flags: [String] { (names ?? []).map { $0.kind == "long" ? "-" + $0.name : $0.name } }
    }

    struct Command: Decodable {
        let commandName: String
        let arguments: [Argument]?
        let subcommands: [Command]?
    }

    let command: Command

    static func root() throws -> Command {
        try JSONDecoder().decode(CommandDescription.self, from: try BuiltCommand.run("--experimental-dump-help").output).command
    }

    static func subcommand(_ name: String) throws -> Command {
        try JSONDecoder().decode(CommandDescription.self, from: try BuiltCommand.run(name, "--experimental-dump-help").output).command
    }
}

/// The items of a manual page that describe options.
struct ManualOptions {
    struct Item {
        /// As mdoc's `Fl` takes them: `-layers`, `k`.
        var flags: [String] = []
        var values: [String] = []
        /// The words of the item's text, macros and punctuation included.
        var words: Set<String> = []
    }

    private(set) var items: [Item] = []

    init(_ document: Document) {
        for line in document.lines {
            let words = line.split(separator: " ").map(String.init)
            if line.hasPrefix(".It Fl ") {
                var item = Item()
                var isFlag = true
                for word in words.dropFirst() {
                    switch word {
                    case "Fl": isFlag = true
                    case "Ar": isFlag = false
                    case ",": continue
                    default: if isFlag { item.flags.append(word) } else { item.values.append(word) }
                    }
                }
                items.append(item)
            } else if line.hasPrefix(".Sh ") {
                // What follows the last option's section is not part of it.
                items.append(Item())
            } else if !items.isEmpty {
                items[items.count - 1].words.formUnion(words.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: ".;")) })
            }
        }
        items.removeAll { $0.flags.isEmpty }
    }
}
