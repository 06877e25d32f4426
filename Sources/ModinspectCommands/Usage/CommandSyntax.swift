import ArgumentParser
import Foundation

/// The options and arguments of a subcommand, as the parser knows them.
struct CommandSyntax {
    /// One option or argument.
    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        let names: [Name]?
        let valueName: String?
        let allValues: [String]?

        /// `--format`, `-k`.
        var spellings: [String] { (names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name } }
    }

    let arguments: [Argument]

    /// The long names of all options.
    var options: [String] { arguments.flatMap(\.spellings).filter { $0.hasPrefix("--") } }

    init(_ command: any ParsableCommand.Type) {
        struct Description: Decodable {
            struct Command: Decodable { let arguments: [Argument]? }
            let command: Command
        }
        let description = try? JSONDecoder().decode(Description.self, from: Data(command._dumpHelp().utf8))
        arguments = description?.command.arguments ?? []
    }

    /// The option of a name such as `--format`.
    func option(_ name: some StringProtocol) -> Argument? { arguments.first { $0.spellings.contains(String(name)) } }
}
