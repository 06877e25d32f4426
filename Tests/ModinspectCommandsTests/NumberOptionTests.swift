import ArgumentParser
import Testing

@testable import ModinspectCommands

@Suite struct NumberOptionTests {
    /// The options of every subcommand whose value is a number that need not be whole, by the name that the help gives it.
    private static let options = RootCommand.configuration.subcommands.flatMap { command in
        CommandSyntax(command).arguments.filter { ["x", "f", "fraction", "norm"].contains($0.valueName) }.compactMap { argument in
            argument.spellings.first { $0.hasPrefix("--") }.map { "\(RootCommand.name(of: command)) \($0)" }
        }
    }

    private func refusal(_ arguments: [String]) -> String? {
        do {
            _ = try RootCommand.parseAsRoot(ArgumentLine.spelledOut(arguments))
            return nil
        } catch {
            return UsageError(error, arguments: arguments).message
        }
    }

    @Test func subcommandsHaveSuchOptions() {
        let names = Set(Self.options.map { $0.split(separator: " ")[1] })
        #expect(
            names.isSuperset(of: [
                "--top", "--threshold", "--fail-under", "--fail-over", "--timeout", "--lambda", "--lr", "--weight-decay", "--momentum",
                "--eps",
                "--clip", "--tolerance", "--held-out", "--train-fraction", "--target-faithfulness",
            ]), "\(names.sorted())")
    }

    private static let noNumbers = ["inf", "-inf", "infinity", "nan", "-nan", "0x1", "1e999", "1,5", "one"]

    /// Each option is tried with one of these: parsing takes long in a debug build.
    @Test(arguments: zip(options, options.indices.map { noNumbers[$0 % noNumbers.count] }))
    func onlyFiniteDecimalNumbersAreTaken(option: String, value: String) throws {
        let words = option.split(separator: " ").map(String.init)
        let message = try #require(refusal(words + [value]))
        #expect(message.hasPrefix("\(words[0]): \(words[1]): expected a number"), "\(message)")
        #expect(message.hasSuffix(", found '\(value)'"), "\(message)")
    }

    @Test(arguments: noNumbers) func noRangeHoldsWhatIsNoNumber(value: String) {
        let ranges: [NumberRange] = [.any, .nonNegative, .positive, .share, .part, .decay, .seconds]
        for range in ranges { #expect(throws: ValidationError.self) { try range.number(value) } }
    }

    @Test(arguments: [
        (NumberRange.any, ["-1e9", "0"], []), (.nonNegative, ["0", "7"], ["-1e-9"]), (.positive, ["1e-9"], ["0", "-1"]),
        (.share, ["1", "0.5"], ["0", "1.1"]), (.part, ["0.5"], ["0", "1"]), (.decay, ["0", "0.9"], ["1", "-0.1"]),
        (.seconds, ["0", "1e8"], ["-1", "1e9"]),
    ])
    func rangesEndWhereTheySay(range: NumberRange, within: [String], beyond: [String]) throws {
        for text in within { #expect(try range.number(text) == Double(text)) }
        for text in beyond { #expect(throws: ValidationError.self) { try range.number(text) } }
    }

    @Test(arguments: [
        ("finetune --lr -1", "finetune: --lr: expected a number of at least 0, found '-1'"),
        ("finetune --clip 0", "finetune: --clip: expected a number above 0, found '0'"),
        ("finetune --momentum 1", "finetune: --momentum: expected a number from 0 to below 1, found '1'"),
        ("graph --top 1.5", "graph: --top: expected a number above 0 and at most 1, found '1.5'"),
        ("circuit --held-out 0", "circuit: --held-out: expected a number above 0 and below 1, found '0'"),
        ("audit --timeout -1", "audit: --timeout: expected a number of seconds from 0 to 100000000, found '-1'"),
        ("finetune --betas 0.9,nan", "finetune: --betas must be two numbers from 0 to below 1, as in 0.9,0.999, found '0.9,nan'"),
        (
            "finetune --until clusterability=0x1",
            "finetune: --until must be clusterability=X or accuracy=X with a number from 0 to 1, found 'clusterability=0x1'"
        ),
    ])
    func whatIsOutOfRangeIsNamed(line: String, message: String) {
        #expect(refusal(line.split(separator: " ").map(String.init)) == message)
    }
}
