import Foundation
import TestSupport
import Testing

@Suite struct UsageTests {
    private static let checkpoint = Fixtures.path("mlp.tar")
    private static let subcommands = [
        "info", "graph", "cluster", "score", "compare", "eval", "ablate", "patch", "circuit", "init", "finetune", "permute", "extract",
    ]

    /// The error line of wrong usage, without its `modinspect: `.
    private func refusal(_ arguments: [String]) throws -> String {
        let result = try BuiltCommand.run(arguments)
        #expect(result.status == 64, "\(arguments): \(result.errors)")
        #expect(result.output.isEmpty)
        let lines = result.errors.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 2 && lines[1].isEmpty, "\(result.errors)")
        #expect(lines[0].hasPrefix("modinspect: "))
        return String(lines[0].dropFirst("modinspect: ".count))
    }

    @Test(arguments: [
        ("scroe m.tar", "unknown subcommand 'scroe'; did you mean 'score'?"),
        ("comp a b", "unknown subcommand 'comp'; did you mean 'compare'?"),
        ("frobnicate", "unknown subcommand 'frobnicate'; see 'modinspect --help'"),
        ("help scroe", "help: unknown subcommand 'scroe'; did you mean 'score'?"),
        ("--frob", "unknown option '--frob'; see 'modinspect --help'"),
        ("score m.tar --formt json", "score: unknown option '--formt'; did you mean '--format'?"),
        ("score m.tar --formt=json", "score: unknown option '--formt'; did you mean '--format'?"),
        ("score m.tar --zzz", "score: unknown option '--zzz'; see 'modinspect score --help'"),
        ("record m.pt --data d --site fc -o x", "record: unknown option '--site'; did you mean '--sites'?"),
        ("record m.pt --data d --sites fc --outptu x", "record: unknown option '--outptu'; did you mean '--output'?"),
        ("record m.pt --dta d --sites fc -o x", "record: unknown option '--dta'; did you mean '--data'?"),
        ("record m.pt --data d --by cluster --cluster x", "record: unknown option '--cluster'; did you mean '--clusters'?"),
        ("circuit m.pt --mehtod eap --data d", "circuit: unknown option '--mehtod'; did you mean '--method'?"),
        ("record m.pt --data d -o x", "record: needs --sites"), ("circuit m.pt --data d", "circuit: needs --method, or --compare"),
        ("score m.tar -z", "score: unknown option '-z'; see 'modinspect score --help'"),
        ("score m.tar --format jsn", "score: --format: expected text, tsv, json, jsonl or svg, found 'jsn'; did you mean 'json'?"),
        ("score m.tar --format yaml", "score: --format: expected text, tsv, json, jsonl or svg, found 'yaml'"),
        (
            "score m.tar --method coclutser",
            "score: --method: expected cocluster, bsgc, contiguous, gradient, network, activations or experts, found 'coclutser'; did you mean 'cocluster'?"
        ),
        ("score m.tar -k 0", "score: -k: expected a number from 1 to 4096, a range 2-14, a list 2,4,8 or auto, found '0'"),
        ("score m.tar -k -1", "score: -k: expected a number from 1 to 4096, a range 2-14, a list 2,4,8 or auto, found '-1'"),
        (
            "score m.tar --seed abc",
            "score: --seed: expected a whole number from -9223372036854775808 to 18446744073709551615, found 'abc'"
        ),
        ("score m.tar --threads x", "score: --threads: expected a whole number, found 'x'"),
        ("score m.tar --threads 0", "score: --threads must be between 1 and 4096"),
        ("graph m.tar --threshold x", "graph: --threshold: expected a number of at least 0, found 'x'"),
        ("score m.tar --seed", "score: --seed needs a value: --seed <n>"),
        ("score m.tar --quiet=1", "score: --quiet takes no value, found '1'"),
        ("graph m.tar n.tar", "graph: unexpected argument 'n.tar'"),
        ("ablate m.tar", "ablate: missing option --clusters <file>; see 'modinspect ablate --help'"),
        ("graph", "graph: missing argument <checkpoint>; see 'modinspect graph --help'"),
        ("score m.tar -qv", "score: --quiet cannot be combined with --verbose"),
        ("init mpl:3-4 -o m.tar", "init: spec: expected mlp:, cnn:, modadd: or a config.json, found 'mpl:3-4'; did you mean 'mlp:'?"),
        ("init mlp -o m.tar", "init: spec: 'mlp' needs its sizes, as in mlp:784-64-64-10"),
    ])
    func wrongUsageIsOneLineWithTheNearestWord(line: String, message: String) throws {
        #expect(try refusal(line.split(separator: " ").map(String.init)) == message)
    }

    @Test(arguments: subcommands) func everySubcommandNamesItselfAndTheNearestOption(name: String) throws {
        #expect(try refusal([name, "--quit"]).hasPrefix("\(name): unknown option '--quit'; did you mean '--quiet'?"))
        #expect(try refusal([name, "-W"]).hasPrefix("\(name): unknown option '-W'"))
    }

    @Test func shortOptionsTakeTheirValueInEveryWay() throws {
        let expected = try BuiltCommand.run("score", Self.checkpoint, "-k", "3")
        #expect(expected.status == 0)
        for option in [["-k3"], ["-k=3"], ["-qk3"], ["-qk", "3"], ["-k3", "-o-"], ["-k3", "-o", "-"], ["-k3", "--output=-"]] {
            let result = try BuiltCommand.run(["score", Self.checkpoint] + option)
            #expect(result.status == 0 && result.output == expected.output, "\(option): \(result.errors)")
        }
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run("score", Self.checkpoint, "-k3", "-o\(folder)/scores")
            #expect(result.status == 0)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/scores")) == expected.output)
        }
    }

    @Test func negativeNumbersAreValues() throws {
        let below = try BuiltCommand.run("score", Self.checkpoint, "--seed", "-1", "--fail-under", "-0.1")
        #expect(below.status == 0, "\(below.errors)")
        let unsigned = try BuiltCommand.run("score", Self.checkpoint, "--seed", "18446744073709551615")
        #expect(below.output == unsigned.output)
        #expect(
            try refusal(["graph", Self.checkpoint, "--threshold", "-1.5"])
                == "graph: --threshold: expected a number of at least 0, found '-1.5'")
        #expect(try refusal(["score", Self.checkpoint, "--null", "-3"]) == "score: --null must be between 0 and 1000000")
    }

    @Test func whatFollowsTwoDashesIsAFile() throws {
        let result = try BuiltCommand.run("score", "--", "-k4")
        #expect(result.status == 1)
        #expect(result.errors == "modinspect: -k4: no such file or directory\n")
    }

    @Test func verboseSaysWhatWasChosenAndHowLongItTook() throws {
        let result = try BuiltCommand.run("score", Self.checkpoint, "-v")
        #expect(result.status == 0)
        #expect(result.output == (try BuiltCommand.run("score", Self.checkpoint)).output)
        #expect(result.errors.contains("mlp.tar: tar, "))
        #expect(result.errors.contains("selected 2 of 4 weight tensors by default: fc2.weight, fc3.weight\n"))
        #expect(result.errors.contains("mlp.tar: done: ") && result.errors.hasSuffix(" s\n"))
    }
}
