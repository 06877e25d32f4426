import Foundation
import TestSupport
import Testing

/// Text is no wider than 80 columns, or than the terminal.
@Suite struct WidthTests {
    private static let data = "--data models/mnist-mlp.npz"

    /// Each subcommand that writes text, in the folder of fixtures.
    private static let runs = [
        "info mlp.tar", "info gpt2-tiny", "info llama-tiny", "info models/cifar-cnn.pt", "info models/induction.safetensors",
        "score mlp.tar --null 5", "score gpt2-tiny --null 5 -k 2,4", "score llama-tiny --layers all --null 5",
        "score mlp.tar --method network", "compare mlp.tar mlp-tuned.safetensors --layers all --top 3",
        "compare llama-tiny llama-tiny --layers all", "compare mlp.planted.tsv mlp.clusters.tsv", "compare mlp.tar absent",
        "cluster llama-tiny --layers all --format text", "eval models/mnist-mlp.pt \(data)",
        "ablate models/mnist-mlp.pt --clusters models/mnist-mlp.clusters.tsv \(data) --control 3",
        "patch models/mnist-mlp.pt \(data) --pairs by-class --limit 20 --metric kl --metric prob",
        "patch models/induction.safetensors --data models/induction.pairs.json --by position",
        "circuit models/induction.safetensors --method eap-ig --data models/induction.pairs.json --bootstrap 2",
        "circuit models/mnist-mlp.pt --method prune \(data) --layers fc4.weight --label 1 --label 3",
        "circuit --compare circuits/hand.jsonl circuits/masks.npz",
        "tokens tokenizers/gpt2.json --pairs data/pairs.json", "permute --help", "init --help",
    ]

    @Test(arguments: runs, [40, 60, 80, 132]) func textFitsTheTerminal(run: String, columns: Int) throws {
        // Help is laid out for eighty columns, and paths are never cut.
        guard columns >= 80 || !run.hasSuffix("--help") else { return }
        let result = try BuiltCommand.shell("cd \"$1\" && COLUMNS=\(columns) \"$M\" \(run)", Fixtures.folder)
        #expect(!result.output.isEmpty, "\(result.errors)")
        for line in result.text.split(separator: "\n") {
            #expect(line.count <= columns, "\(line)")
            #expect(!line.hasSuffix(" "))
        }
    }

    /// The folder of a model whose layers have long names.
    private func withLongNames(_ body: (String) throws -> Void) throws {
        try TemporaryFolder.with { folder in
            let names = (0..<3).map {
                "base_model.model.transformer.encoder.layers.\($0).feed_forward.intermediate_projection.dense.weight"
            }
            let values = (0..<64).map { Float(1 + $0 % 7) }
            try SafetensorsFile.bytes(names.map { (name: $0, shape: [8, 8], values: values) })
                .write(to: URL(fileURLWithPath: folder + "/m.safetensors"))
            try body(folder)
        }
    }

    @Test func longNamesStayApart() throws {
        try withLongNames { folder in
            for command in [
                "info m.safetensors", "score m.safetensors --layers all", "score m.safetensors --layers all --null 3",
                "cluster m.safetensors --layers all --format text",
            ] {
                let result = try BuiltCommand.shell("cd \"$1\" && COLUMNS=80 \"$M\" \(command)", folder)
                let lines = result.text.split(separator: "\n")
                // Names that could not be told apart after cutting are written in full on lines of their own.
                let wide = lines.filter { $0.count > 80 }
                #expect(result.status == 0 && wide.allSatisfy { $0.split(separator: " ").count == 1 }, "\(result.text)")
                for number in 0..<3 { #expect(lines.contains { $0.contains("layers.\(number).") }, "\(result.text)") }
                // On a wide terminal, names are not cut.
                let full = try BuiltCommand.shell("cd \"$1\" && COLUMNS=250 \"$M\" \(command)", folder)
                #expect(full.text.contains("encoder.layers.2.feed_forward.intermediate_projection.dense.weight"))
            }
        }
    }

    @Test func theWidthIsThatOfTheTerminal() throws {
        // `script` gives the command a terminal, whose width `stty` sets.
        guard FileManager.default.fileExists(atPath: "/usr/bin/script") else { return }
        let result = try BuiltCommand.shell(
            "unset COLUMNS; script -qec \"stty cols 60; '$M' score '$1' --null 5\" /dev/null", Fixtures.path("mlp.tar"))
        let lines = result.text.replacing("\r\n", with: "\n").split(separator: "\n").dropFirst()
        #expect(lines.count > 6 && lines.allSatisfy { $0.count <= 60 }, "\(result.text)")
    }

    @Test func aBarFitsANarrowTerminal() throws {
        guard FileManager.default.fileExists(atPath: "/usr/bin/script") else { return }
        let result = try BuiltCommand.shell(
            "unset COLUMNS; script -qec \"stty cols 44; '$M' score '$1' --null 400 -k 2-14 -o /dev/null\" /dev/null",
            Fixtures.path("mlp.tar"))
        for piece in result.text.split(whereSeparator: \.isNewline) {
            #expect(piece.replacing("\u{1B}[K", with: "").count <= 44, "\(piece)")
        }
    }
}
