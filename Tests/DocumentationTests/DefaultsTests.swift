import Foundation
import TestSupport
import Testing

/// The defaults of options: in the help, in the manual, and in what the command does.
///
/// The help shows the defaults that the parser knows, and `ManualTests` looks for them in the manual. These are the others.
@Suite struct DefaultsTests {
    struct Stated: Sendable, CustomStringConvertible {
        let command: String
        let option: String
        /// The default as the help and the manual state it.
        let value: String
        /// A line that makes use of the option, in the folder of fixtures.
        let line: String

        init(_ command: String, _ option: String, _ value: String, _ line: String) {
            (self.command, self.option, self.value, self.line) = (command, option, value, line)
        }

        var description: String { "\(command) \(option)" }
    }

    private static let mnist = "models/mnist-mlp.pt --data models/mnist-mlp.npz"
    private static let induction = "models/induction.safetensors --data models/induction.pairs.json --format tsv"
    private static let prune = "--method prune \(mnist) --layers fc4.weight --format tsv"
    private static let train = "\(mnist) --steps 2 --limit 16 -o -"
    private static let gradient = "--method gradient gradients/planted.safetensors --data gradients/planted.npz --format tsv"

    static let stated: [Stated] = [
        Stated("cluster", "-k", "4", "mlp.tar"), Stated("cluster", "--method", "cocluster", "mlp.tar"),
        Stated("score", "-k", "4", "mlp.tar"), Stated("score", "--method", "cocluster", "mlp.tar"),
        Stated("compare", "-k", "4", "mlp.tar mlp-tuned.safetensors"),
        Stated("compare", "--method", "cocluster", "mlp.tar mlp-tuned.safetensors"),
        Stated("report", "-k", "4", "mlp.tar --null 2"), Stated("report", "--method", "cocluster", "mlp.tar --null 2"),
        Stated("report", "--null", "20", "mlp.tar"),
        Stated("compare", "--top", "1", "mlp.tar mlp-tuned.safetensors"),
        Stated("ablate", "--format", "text", "\(mnist) --clusters models/mnist-mlp.clusters.tsv"),
        Stated("circuit", "--format", "text", "--method prune \(mnist) --layers fc4.weight --label 1"),
        Stated("circuit", "--granularity", "component", "--method eap \(induction)"),
        Stated("circuit", "--metric", "logit-diff", "--method eap \(induction)"),
        Stated("circuit", "--metric", "kl", "--method acdc \(induction) --threshold 0.5"),
        Stated("circuit", "--steps", "5", "--method eap-ig \(induction)"),
        Stated("circuit", "--threshold", "0.01", "--method acdc \(induction)"),
        Stated("circuit", "--objective", "kl", prune), Stated("circuit", "--tolerance", "0.01", prune),
        Stated("circuit", "--control", "3", prune), Stated("circuit", "--held-out", "0.5", prune),
        Stated("init", "--d-model", "128", "modadd:5 -o -"), Stated("init", "--heads", "4", "modadd:5 -o -"),
        Stated("init", "--d-mlp", "512", "modadd:5 -o -"), Stated("init", "--layers", "1", "modadd:5 -o -"),
        Stated("finetune", "--lambda", "20", train), Stated("finetune", "-k", "4", train),
        Stated("finetune", "--method", "cocluster", train),
        Stated("finetune", "--weight-decay", "0", train), Stated("finetune", "--weight-decay", "0.01", "\(train) --optimizer adamw"),
        Stated("finetune", "--betas", "0.9,0.999", train), Stated("finetune", "--eps", "1e-8", train),
        Stated("audit", "-k", "4", "mlp.tar"), Stated("audit", "--method", "cocluster", "mlp.tar"),
        Stated("audit", "--timeout", "3600", "mlp.tar"),
        Stated("score", "--timeout", "0", "mlp.tar mlp-tuned.safetensors --jobs 1"),
        Stated("compare", "--timeout", "0", "mlp.tar mlp-tuned.safetensors mlp.npz --jobs 1"),
        Stated("finetune", "--epochs", "1", "\(mnist) --limit 16 -o -"),
    ]

    @Test(arguments: stated) func whatIsStatedIsWhatIsDone(stated: Stated) throws {
        let argument = try #require(
            try CommandDescription.subcommand(stated.command).arguments?.first { $0.flags.contains(String(stated.option.dropFirst())) })
        // `once` is a word for 1.
        let words = stated.option == "--epochs" ? ["once", "1"] : [stated.value]
        let help = (argument.abstract ?? "") + " " + (argument.discussion ?? "")
        #expect(words.contains { help.contains($0) } && help.localizedCaseInsensitiveContains("without"), "\(help)")
        let page = ManualOptions(try Document("man/modinspect-\(stated.command).1")).items
        let item = try #require(page.first { $0.flags.contains(String(stated.option.dropFirst())) })
        #expect(item.words.contains("default") || item.words.contains("Without") || item.words.contains("without"))
        #expect(words.contains { item.words.contains($0) }, "\(stated): \(item.words.sorted())")

        let line = "cd \"$1\" && \"$M\" \(stated.command) --quiet \(stated.line)"
        // The command line is recorded beside the weights.
        let weights = stated.line.contains("-o -") ? " | tar xOf - model.safetensors" : ""
        let without = try BuiltCommand.shell("set -o pipefail; " + line + weights, Fixtures.folder)
        #expect(without.status == 0 && !without.output.isEmpty, "\(without.errors)")
        let with = try BuiltCommand.shell("set -o pipefail; " + line + " \(stated.option) \(stated.value)" + weights, Fixtures.folder)
        #expect(with.status == 0 && with.output == without.output, "\(with.errors)")
    }

    /// Options whose default depends on the model, the data or the machine, described in words.
    private static let described: Set<String> = [
        "--layers", "--batch", "--sites", "--eval", "--eval-every", "--state", "--dtype", "--eval-labels",
        "--jobs", "--memory",
    ]

    @Test func everyStatedDefaultIsTried() throws {
        for command in try #require(try CommandDescription.root().subcommands) where command.commandName != "help" {
            for argument in try #require(try CommandDescription.subcommand(command.commandName).arguments) {
                let help = (argument.abstract ?? "") + " " + (argument.discussion ?? "")
                guard argument.kind == "option", help.contains("ithout this option") || help.contains("without it") else { continue }
                let names = argument.flags.map { "-" + $0 }
                let isTried = Self.stated.contains { $0.command == command.commandName && names.contains($0.option) }
                #expect(isTried || names.contains { Self.described.contains($0) }, "\(command.commandName) \(names)")
            }
        }
    }

    @Test(arguments: ["ablate", "permute", "extract"]) func layersAreThoseOfTheFileOfClusters(command: String) throws {
        let help = try BuiltCommand.shell("COLUMNS=200 \"$M\" \(command) --help").text.split(whereSeparator: \.isWhitespace).joined(
            separator: " ")
        #expect(help.contains("Without this option: every layer in the file of --clusters.") && !help.contains("of a transformer"))
    }
}
