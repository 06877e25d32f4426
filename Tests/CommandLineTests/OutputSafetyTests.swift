import Foundation
import TestSupport
import Testing

/// An output cannot be an input or another output, whichever options name them and however the path is written.
@Suite struct OutputSafetyTests {
    /// Every argument that names a file, as the command itself declares them.
    private struct FileArgument {
        let command: String
        /// `--data`; nil for one without a name.
        let option: String?

        /// The arguments that name files to be written.
        private static let outputs: Set = ["--output", "--logits", "--masks", "--new-clusters", "--log", "--state"]
        var isOutput: Bool { option.map(Self.outputs.contains) ?? false }
        /// Outputs that must have one of these endings, or be a directory.
        var ending: String {
            if option == "--output", command == "record" { return ".npz" }
            return option == "--output" && OutputSafetyTests.makers.contains(command) ? ".tar" : ""
        }
    }

    /// The commands whose result is a checkpoint.
    private static let makers: Set = ["init", "finetune", "permute", "extract"]

    /// The arguments that each command needs beside its files.
    private static let needed: [String: [String]] = [
        "circuit": ["--method", "prune"], "extract": ["--cluster", "0"], "cluster": ["--method", "gradient"],
        "score": ["--method", "gradient"], "record": ["--sites", "*"],
    ]
    /// Arguments that require or exclude others.
    private static let variants: [String: [String]] = [
        "circuit --clusters": ["--method", "eap", "--granularity", "cluster"], "score --clusters": [],
        "finetune --eval-labels": ["--eval", "FREE"], "finetune --guard-labels": ["--guard", "FREE", "--eval", "FREE"],
        "finetune --guard": ["--eval", "FREE"], "graph --clusters": ["--format", "svg"],
        "record --clusters": ["--by", "class"], "circuit --eval-labels": ["--method", "prune", "--eval", "FREE"],
    ]
    private static let required: [String: [String]] = [
        "eval": ["--data"], "ablate": ["--data", "--clusters"], "patch": ["--data"], "circuit": ["--data"],
        "finetune": ["--data", "--output"],
        "permute": ["--clusters", "--output"], "extract": ["--clusters", "--output"], "init": ["--output"], "cluster": ["--data"],
        "score": ["--data"], "record": ["--data", "--output"],
    ]

    private static func fileArguments() throws -> [FileArgument] {
        struct Dump: Decodable {
            struct Command: Decodable {
                struct Argument: Decodable {
                    struct Name: Decodable { let kind: String, name: String }
                    struct Completion: Decodable { let file: [String: [String]]? }
                    let kind: String
                    let names: [Name]?
                    let completionKind: Completion?
                }
                let commandName: String
                let arguments: [Argument]?
                let subcommands: [Command]?
            }
            let command: Command
        }
        let dump = try JSONDecoder().decode(Dump.self, from: BuiltCommand.run("--experimental-dump-help").output)
        return (dump.command.subcommands ?? []).flatMap { command in
            (command.arguments ?? []).filter { $0.completionKind?.file != nil }.map { argument in
                FileArgument(
                    command: command.commandName,
                    option: argument.names.flatMap { names in names.first { $0.kind == "long" }.map { "--" + $0.name } })
            }
        }
    }

    /// The command's line in which each of the two arguments names a path.
    private func line(_ first: FileArgument, _ firstPath: String, _ second: FileArgument, _ secondPath: String, free: (String) -> String)
        -> [String]
    {
        let command = first.command
        var named: [(String?, String)] = [(first.option, firstPath), (second.option, secondPath)]
        let variant = [first, second].lazy.compactMap { Self.variants["\(command) \($0.option ?? "")"] }.first
        for option in Self.required[command] ?? [] where !named.contains(where: { $0.0 == option }) {
            if variant?.isEmpty == true { continue }
            named.append((option, free(option + FileArgument(command: command, option: option).ending)))
        }
        let positional = named.filter { $0.0 == nil }.count
        let wanted = command == "compare" ? 2 : 1
        for place in positional..<max(wanted, positional) { named.append((nil, free("input\(place)"))) }
        var words = [command] + (variant ?? Self.needed[command] ?? []).map { $0 == "FREE" ? free("other") : $0 }
        for (option, path) in named { words += option.map { [$0, path] } ?? [path] }
        return words + (command == "finetune" && ![first, second].contains { $0.option == "--state" } ? ["--state", free("state")] : [])
    }

    @Test func noOutputIsAnInput() throws {
        let all = try Self.fileArguments()
        try #require(all.count > 40)
        var pairs = 0
        for output in all where output.isOutput {
            for input in all where input.command == output.command && !input.isOutput {
                // Circuits of weights have no clusters.
                if output.option == "--masks", input.option == "--clusters" { continue }
                // With a list of checkpoints, the logits of one have no place.
                if output.option == "--logits", input.option == "--files-from" { continue }
                // One way to name the same file for each pair, all of them in turn.
                let way = ["same", "link", "hard", "dots"][pairs % 4]
                pairs += 1
                try TemporaryFolder.with { folder in
                    let path = folder + "/file" + output.ending
                    try Data("content".utf8).write(to: URL(fileURLWithPath: path))
                    var other = folder + "/other" + output.ending
                    switch way {
                    case "link": try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: path)
                    case "hard": try FileManager.default.linkItem(atPath: path, toPath: other)
                    case "dots": other = folder + "/../" + (folder as NSString).lastPathComponent + "/./file" + output.ending
                    default: other = path
                    }
                    let words =
                        line(output, other, input, path) { folder + "/" + $0 } + (Self.makers.contains(output.command) ? ["--force"] : [])
                    let result = try BuiltCommand.run(words)
                    let found = "\(words.joined(separator: " ")): \(result.errors)"
                    #expect(result.status == 64, "\(found)")
                    #expect(result.errors.contains("\(output.option ?? "") would overwrite"), "\(found)")
                    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("content".utf8), "\(found)")
                }
            }
        }
        #expect(pairs > 30)
    }

    @Test func noOutputIsAnotherOutput() throws {
        let outputs = try Self.fileArguments().filter(\.isOutput)
        var pairs = 0
        for (place, output) in outputs.enumerated() {
            for other in outputs[..<place] where other.command == output.command {
                pairs += 1
                try TemporaryFolder.with { folder in
                    // Neither exists yet.
                    let ending = output.ending + other.ending
                    let result = try BuiltCommand.run(
                        line(output, folder + "/new" + ending, other, folder + "/./new" + ending) { folder + "/" + $0 })
                    #expect(result.status == 64 && result.errors.contains("name the same file"), "\(output) \(other): \(result.errors)")
                    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
                }
            }
        }
        #expect(pairs >= 6)
    }

    @Test func filesOfADirectoryAndOfAnIndexAreInputs() throws {
        try TemporaryFolder.with { folder in
            let model = folder + "/model"
            let made = try BuiltCommand.run("init", "mlp:6-5-4", "-o", model)
            #expect(made.status == 0, "\(made.errors)")
            let weights = try Data(contentsOf: URL(fileURLWithPath: model + "/model.safetensors"))
            for name in ["model.safetensors", "modinspect.json"] {
                let result = try BuiltCommand.run("score", model, "-o", model + "/" + name)
                #expect(result.status == 64 && result.errors.contains("would overwrite"), "\(result.errors)")
                let beside = try BuiltCommand.run("score", model + "/model.safetensors", "-o", model + "/" + name)
                #expect(beside.status == 64 && beside.errors.contains("would overwrite"), "\(beside.errors)")
            }
            // Other files may be in the model's folder and be overwritten.
            for _ in 0..<2 {
                #expect(try BuiltCommand.run("score", model, "-o", model + "/score.txt").status == 0)
            }
            try FileManager.default.removeItem(atPath: model + "/score.txt")
            let clusters = folder + "/c.tsv"
            #expect(try BuiltCommand.run("cluster", model, "-k", "2", "-o", clusters).status == 0)
            // The directory that is replaced holds the input.
            let replaced = try BuiltCommand.run(
                "permute", model + "/model.safetensors", "--clusters", clusters, "-o", model, "--force")
            #expect(replaced.status == 64 && replaced.errors.contains("would"), "\(replaced.errors)")
            // An output in a directory that is another output.
            let inside = try BuiltCommand.run(
                "permute", model, "--clusters", clusters, "-o", folder + "/out/", "--new-clusters", folder + "/out/new.tsv")
            #expect(inside.status != 0)
            #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
            // An index names its shards.
            try Data(#"{"weight_map":{"fc1.weight":"part.safetensors"}}"#.utf8).write(
                to: URL(fileURLWithPath: folder + "/m.safetensors.index.json"))
            try FileManager.default.copyItem(atPath: model + "/model.safetensors", toPath: folder + "/part.safetensors")
            let shard = try BuiltCommand.run("info", folder + "/m.safetensors.index.json", "-o", folder + "/part.safetensors")
            #expect(shard.status == 64 && shard.errors.contains("would overwrite"), "\(shard.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: model + "/model.safetensors")) == weights)
        }
    }

    @Test func aRedirectedResultIsAnOutputToo() throws {
        try TemporaryFolder.with { folder in
            try FileManager.default.copyItem(atPath: Fixtures.path("mlp.tar"), toPath: folder + "/m.tar")
            let before = try Data(contentsOf: URL(fileURLWithPath: folder + "/m.tar"))
            let result = try BuiltCommand.shell("cd \"$1\" && \"$M\" info m.tar >> m.tar", folder)
            #expect(result.status == 64 && result.errors.contains("would overwrite"), "\(result.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/m.tar")) == before)
            // Devices can be named twice.
            let twice = try BuiltCommand.shell("cd \"$1\" && \"$M\" eval m.tar --data x --logits /dev/null -o /dev/null", folder)
            #expect(twice.status == 1 && !twice.errors.contains("same file"), "\(twice.errors)")
        }
    }

    @Test(arguments: ["--output", "--log", "--state"]) func aFolderThatTakesNoFilesIsFoundOutFirst(option: String) throws {
        try TemporaryFolder.with { folder in
            // The checkpoint is not even opened: it does not exist.
            var words = ["finetune", folder + "/none", "--data", folder + "/none"]
            words += [option, "/proc/modinspect.tar"] + (option == "--output" ? [] : ["-o", folder + "/o.tar"])
            let result = try BuiltCommand.run(words)
            #expect(result.status == 1, "\(result.errors)")
            #expect(result.errors.contains("/proc/modinspect.tar") && result.errors.contains("cannot"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }
    }

    @Test(arguments: ["eval --logits", "circuit --masks", "permute --new-clusters", "score --output"])
    func everyOutputIsTriedBeforeTheWork(words: String) throws {
        let parts = words.split(separator: " ").map(String.init)
        try TemporaryFolder.with { folder in
            var line = [parts[0], folder + "/none", parts[1], "/proc/none/file"]
            switch parts[0] {
            case "eval": line += ["--data", folder + "/none"]
            case "circuit": line += ["--data", folder + "/none", "--method", "prune"]
            case "permute": line += ["--clusters", folder + "/none", "-o", folder + "/o.tar"]
            default: break
            }
            let result = try BuiltCommand.run(line)
            #expect(result.status == 1 && result.errors.contains("/proc/none/file: cannot write"), "\(result.errors)")
        }
    }
}
