import Foundation
import TestSupport
import Testing

/// Counts of any size are accepted or refused in one line; none of them traps.
@Suite struct CountTests {
    private static let model = Fixtures.path("models/mnist-mlp.pt")
    private static let images = Fixtures.path("models/mnist-mlp.npz")

    @Test func aStepHasNoMoreBatchesThanAnEpoch() throws {
        try TemporaryFolder.with { folder in
            let files = try ["9223372036854775807", "1000"].map { count in
                let file = "\(folder)/\(count).safetensors"
                let result = try BuiltCommand.run(
                    "finetune", Self.model, "--data", Self.images, "--steps", "2", "--accumulate", count, "-o", file)
                #expect(result.status == 0, "\(result.errors)")
                // The weights only: the header contains the command line.
                return try Data(contentsOf: URL(fileURLWithPath: file)).suffix(4 * 27_562)
            }
            #expect(files[0] == files[1])
        }
    }

    /// Every option of every command whose value is called a number.
    private static func options() throws -> [(command: String, option: String)] {
        struct Dump: Decodable {
            struct Command: Decodable {
                struct Argument: Decodable {
                    struct Name: Decodable { let kind: String, name: String }
                    let kind: String
                    let names: [Name]?
                    let valueName: String?
                }
                let commandName: String
                let arguments: [Argument]?
                let subcommands: [Command]?
            }
            let command: Command
        }
        let dump = try JSONDecoder().decode(Dump.self, from: BuiltCommand.run("--experimental-dump-help").output)
        return (dump.command.subcommands ?? []).flatMap { command in
            (command.arguments ?? []).filter { $0.kind == "option" && ["n", "t", "i", "seed", "threads"].contains($0.valueName ?? "") }
                .compactMap { $0.names?.first }.map { (command.commandName, ($0.kind == "long" ? "--" : "-") + $0.name) }
        }
    }

    private static let needed: [String: [String]] = [
        "graph": [], "info": [], "score": ["--layers", "all"], "cluster": [], "compare": [model],
        "eval": ["--data", images], "ablate": ["--data", images, "--clusters", "clusters"],
        "record": ["--data", images, "--sites", "*", "-o", "out.npz"], "tokens": ["text"],
        "patch": ["--data", images, "--pairs", "by-class", "--limit", "4"],
        "circuit": ["--data", images, "--pairs", "by-class", "--method", "eap-ig", "--limit", "4"],
        "finetune": ["--data", images, "--eval", images, "--until", "clusterability=0", "-o", "out.tar"],
        "permute": ["--clusters", "clusters", "-o", "out.tar"], "extract": ["--clusters", "clusters", "-o", "out.tar"],
    ]

    @Test func enormousCountsAreNoTraps() throws {
        let options = try Self.options()
        try #require(options.count > 50)
        try TemporaryFolder.with { folder in
            let clusters = try BuiltCommand.run("cluster", Self.model, "--layers", "all", "-o", folder + "/clusters")
            #expect(clusters.status == 0, "\(clusters.errors)")
            for (command, option) in options {
                for value in ["9223372036854775807", "1099511627776"] {
                    var words =
                        command == "init" ? ["init", "modadd:5", "-o", "out.tar"] : [command, Self.model] + (Self.needed[command] ?? [])
                    if let place = words.firstIndex(of: option) { words.removeSubrange(place...(place + 1)) }
                    if option == "--cluster" || command != "extract" {
                        words += [option, value]
                    } else {
                        words += ["--cluster", "0", option, value]
                    }
                    let result = try BuiltCommand.shell(
                        "cd \"$1\" && shift && timeout 100 \"$M\" \"$@\"; s=$?; rm -f out.*; exit $s", [folder] + words)
                    // 124 is the status of a run that timeout had to end.
                    #expect([0, 1, 64].contains(result.status), "\(words.joined(separator: " ")): \(result.status) \(result.errors)")
                }
            }
        }
    }
}
