import ArgumentParser
import Text

/// Wrong usage in one line: the subcommand, what is wrong, and the nearest word if there is one.
struct UsageError {
    let message: String

    /// - Parameters:
    ///   - error: what the parser threw.
    ///   - arguments: the command line.
    init(_ error: any Error, arguments: [String]) {
        let word = arguments.first { !$0.hasPrefix("-") }
        let names = RootCommand.configuration.subcommands.map { RootCommand.name(of: $0) }
        guard let place = names.firstIndex(where: { $0 == word }) else {
            if let word {
                message = "unknown subcommand '\(word)'" + Self.hint(NearestWord.nearest(to: word, in: names + ["help"]), instead: "--help")
            } else {
                message = Self.sentence(RootCommand.message(for: error), CommandSyntax(RootCommand.self), command: "modinspect")
            }
            return
        }
        let text = RootCommand.message(for: error)
        let syntax = CommandSyntax(RootCommand.configuration.subcommands[place])
        let command = "modinspect \(names[place])"
        // An option that is misspelt is why another, or an argument, seems to be missing.
        if let option = Self.unknownOption(arguments.drop { $0 != word }.dropFirst(), syntax) {
            message = names[place] + ": " + Self.unknown(option, syntax, command: command)
            return
        }
        message = names[place] + ": " + Self.sentence(text, syntax, command: command)
    }

    /// Wrong usage of a word that is not a subcommand; nil if the command line names one, or none.
    init?(helpOf arguments: [String]) {
        let names = RootCommand.configuration.subcommands.map { RootCommand.name(of: $0) } + ["help"]
        guard arguments.first == "help", let word = arguments.dropFirst().first(where: { !$0.hasPrefix("-") }), !names.contains(word)
        else { return nil }
        message = "help: unknown subcommand '\(word)'" + Self.hint(NearestWord.nearest(to: word, in: names), instead: "--help")
    }

    /// The first word that looks like an option and is none.
    private static func unknownOption(_ words: ArraySlice<String>, _ syntax: CommandSyntax) -> String? {
        let known = Set(syntax.arguments.flatMap(\.spellings) + ["--help", "-h", "--version"])
        return words.prefix { $0 != "--" }.first { word in
            word.count > 1 && word.hasPrefix("-") && Double(word) == nil && !known.contains(String(word.prefix { $0 != "=" }))
                && (word.hasPrefix("--") || !known.contains(String(word.prefix(2))))
        }
    }

    private static func unknown(_ option: String, _ syntax: CommandSyntax, command: String) -> String {
        let name = option.prefix { $0 != "=" }
        return "unknown option '\(name)'"
            + hint(NearestWord.nearest(to: String(name), in: syntax.options), instead: "--help", command: command)
    }

    private static func hint(_ nearest: String?, instead page: String? = nil, command: String = "modinspect") -> String {
        if let nearest { return "; did you mean '\(nearest)'?" }
        return page.map { "; see '\(command) \($0)'" } ?? ""
    }

    /// The parser's message as the sentences of this program.
    private static func sentence(_ text: String, _ syntax: CommandSyntax, command: String) -> String {
        if let option = quoted(text, after: "Unknown option '") {
            return unknown(option, syntax, command: command)
        }
        if let option = quoted(text, after: "Missing value for '") { return "\(option.prefix { $0 != " " }) needs a value: \(option)" }
        if let argument = quoted(text, after: "Missing expected argument '") {
            return "missing \(argument.hasPrefix("-") ? "option" : "argument") \(argument)" + hint(nil, instead: "--help", command: command)
        }
        if let argument = quoted(text, after: "Unexpected argument '") { return "unexpected argument '\(argument)'" }
        if let option = quoted(text, after: "The option '") {
            let value = text.firstRange(of: "but '").map { text[$0.upperBound...].prefix { $0 != "'" } }
            return "\(option) takes no value" + (value.map { ", found '\($0)'" } ?? "")
        }
        if let sentence = invalidValue(text, syntax) { return sentence }
        // Errors of this program are sentences already.
        guard let first = text.first, first.isUppercase, text.dropFirst().first?.isLowercase == true else { return text.singleLine }
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        return (first.lowercased() + lines.joined(separator: ", ").dropFirst()).singleLine
    }

    /// The text between `opening`, with which the text begins, and the next quotation mark.
    private static func quoted(_ text: String, after opening: String) -> String? {
        guard text.hasPrefix(opening) else { return nil }
        let rest = text.dropFirst(opening.count)
        // A suggestion follows on the same line: what is quoted ends at the first mark that is not inside a word.
        let end = rest.firstRange(of: "'. ") ?? rest.firstRange(of: "' does not take") ?? rest.firstRange(of: "'\n")
        if let end { return String(rest[..<end.lowerBound]).singleLine }
        return (rest.hasSuffix("'") ? String(rest.dropLast()) : String(rest)).singleLine
    }

    private static func invalidValue(_ text: String, _ syntax: CommandSyntax) -> String? {
        let opening = "The value '"
        let middle = "' is invalid for '"
        guard text.hasPrefix(opening), let range = text.firstRange(of: middle) else { return nil }
        let value = String(text[..<range.lowerBound].dropFirst(opening.count))
        let label = text[range.upperBound...].prefix { $0 != "'" }
        let name = label.prefix { $0 != " " }
        let rest = text[range.upperBound...].dropFirst(label.count + 1)
        if rest.hasPrefix(": ") {
            let reason = rest.dropFirst(2)
            return (reason.hasPrefix(name) ? String(reason) : "\(name): \(reason)").singleLine
        }
        let argument = syntax.option(name)
        if let values = argument?.allValues, !values.isEmpty {
            return "\(name): expected \(alternatives(values)), found '\(value)'".singleLine
                + hint(NearestWord.nearest(to: value, in: values))
        }
        return "\(name): expected \(expectation(name, argument)), found '\(value)'".singleLine
    }

    /// The expected value of an option, by its name in the help.
    private static func expectation(_ name: Substring, _ argument: CommandSyntax.Argument?) -> String {
        if name == "-k" { return ClusterCounts.expectation }
        switch argument?.valueName {
        case "n", "i", "t": return "a whole number"
        case let kind?: return kind.count == 1 || kind == "fraction" || kind == "norm" ? "a number" : "<\(kind)>"
        case nil: return "another value"
        }
    }

    /// `text, tsv, json or jsonl`.
    private static func alternatives(_ words: [String]) -> String {
        words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }
}

extension RootCommand {
    /// The word that calls a subcommand.
    static func name(of command: any ParsableCommand.Type) -> String { command.configuration.commandName ?? "\(command)" }
}
