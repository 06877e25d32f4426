import Glibc

/// A command line as a person writes it, normalised for the parser.
///
/// The parser would read `-k4` as two flags and `-1` after `--seed` as another option. Both are rewritten with `=` before it sees them.
enum ArgumentLine {
    /// The letters of options that take a value.
    private static let valued: Set<Character> = ["k", "o"]
    /// The letters of options without a value.
    private static let flags: Set<Character> = ["q", "v", "h", "0", "r"]

    /// `-k4` as `-k=4`, `-qk4` as `-q -k=4`, `--seed -1` as `--seed=-1`; what follows `--` does not change.
    static func spelledOut(_ arguments: [String]) -> [String] {
        var result: [String] = []
        for (place, argument) in arguments.enumerated() {
            if argument == "--" { return result + arguments[place...] }
            if argument == "--arch", arguments.first == "info", isWithoutList(arguments.dropFirst(place + 1)) {
                result.append("--print-arch")
            } else if isNegative(argument), let last = result.last, takesValue(last) {
                result[result.count - 1] = last + "=" + argument
            } else {
                result += shortOptions(argument) ?? [argument]
            }
        }
        return result
    }

    /// Whether `info --arch` is followed by no list: by nothing, an option or a file.
    private static func isWithoutList(_ rest: ArraySlice<String>) -> Bool {
        guard let next = rest.first else { return true }
        return next.hasPrefix("-") || access(next, F_OK) == 0
    }

    /// Whether the text can only be a number: `-0` is an option's name.
    private static func isNegative(_ text: String) -> Bool {
        guard text.hasPrefix("-"), text != "-0" else { return false }
        let rest = text.dropFirst()
        return rest.first?.isASCIIDigit == true || (rest.first == "." && rest.dropFirst().first?.isASCIIDigit == true)
            || ["inf", "infinity", "nan"].contains(rest.lowercased())
    }

    private static func takesValue(_ option: String) -> Bool {
        if option.hasPrefix("--") { return option.count > 2 && !option.contains("=") }
        return option.count == 2 && option.first == "-" && option.last.map(valued.contains) == true
    }

    /// The options of a word such as `-qk4`; nil for any other word.
    private static func shortOptions(_ word: String) -> [String]? {
        guard word.count > 2, word.hasPrefix("-"), !word.hasPrefix("--") else { return nil }
        var options: [String] = []
        var rest = word.dropFirst()
        while let letter = rest.popFirst() {
            if valued.contains(letter) {
                if rest.isEmpty { return options + ["-\(letter)"] }
                return options + ["-\(letter)=" + (rest.first == "=" ? rest.dropFirst() : rest)]
            }
            guard flags.contains(letter) else { return nil }
            options.append("-\(letter)")
        }
        return options
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
