import Foundation
import TestSupport
import Testing

@Suite struct PatchCommandTests {
    private static let pairs = """
        {"prompts": [
        {"clean": [39, 30, 16, 4, 0], "corrupt": [8, 4, 9, 17, 0], "answers": [7], "wrong_answers": [5]},
        {"clean": [2, 3, 5, 8], "corrupt": [6, 31, 10, 8], "answers": [6, 1], "wrong_answers": [0, 4]}]}
        """

    /// Runs `modinspect patch` in a folder with the pairs and other files; `MODEL` stands for the folder of small transformers.
    private static func patch(_ arguments: String, files: [String: String] = [:]) throws -> CommandResult {
        try TemporaryFolder.with { folder in
            for (name, text) in files.merging(["pairs.json": pairs], uniquingKeysWith: { first, _ in first }) {
                try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            }
            let command =
                "cd \"$1\"; \"$M\" patch "
                + arguments.replacing("MODEL", with: Fixtures.path("transformers")).replacing(
                    "MLP", with: Fixtures.path("models/mnist-mlp"))
            return try BuiltCommand.shell(command, folder)
        }
    }

    @Test func modelsForMaskedTokensSayWhereAnswersAreRead() throws {
        let result = try Self.patch("MODEL/bert-masked --data pairs.json --format tsv")
        #expect(result.status == 0 && result.errors.contains("read at the last position of each prompt"), "\(result.errors)")
    }

    @Test func theDefaultIsTheHeadsAndTheMLPs() throws {
        let result = try Self.patch("MODEL/mistral --data pairs.json --format tsv")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let rows = result.rows
        #expect(
            rows[0] == [
                "direction", "site", "unit", "index", "position", "pairs", "moved", "relative_change", "mean_change", "logit_diff",
                "logit_diff_effect", "logit_diff_normalized",
            ])
        #expect(rows[1].prefix(7) == ["clean", "-", "-", "", "", "2", "0"] && rows[1].last == "1")
        #expect(rows[2].prefix(7) == ["corrupted", "-", "-", "", "", "2", "0"] && rows[2].last == "0")
        #expect(rows.count == 3 + 10 && rows[3].prefix(7) == ["denoise", "blocks.0.attn.hook_z", "head", "0", "", "2", "1"])
        let (clean, corrupted) = (try #require(Double(rows[1][9])), try #require(Double(rows[2][9])))
        for row in rows.dropFirst(3) {
            let numbers = row.dropFirst(9).compactMap(Double.init)
            #expect(abs(numbers[1] - (numbers[0] - corrupted)) < 1e-12)
            #expect(abs(numbers[2] - (numbers[0] - corrupted) / (clean - corrupted)) < 1e-9)
        }
    }

    @Test(arguments: ["text", "tsv", "json", "jsonl"]) func theResultIsTheSameForAnyNumberOfThreads(format: String) throws {
        let run =
            "MODEL/gpt2 --data pairs.json --by position --direction both --metric loss --metric prob --format \(format) --quiet --threads "
        let one = try Self.patch(run + "1")
        #expect(one.status == 0 && !one.output.isEmpty)
        #expect(try Self.patch(run + "3").output == one.output)
    }

    @Test func jsonSaysWhatWasPatched() throws {
        let result = try Self.patch(
            "MODEL/gpt2 --data pairs.json --sites 'blocks.1.attn.k.[01],resid' --granularity auto --metric kl --approximate --format json --seed 4"
        )
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        #expect(document["schema"] as? String == "modinspect.patch/1" && document["seed"] as? Int == 4)
        #expect(
            document["method"] as? String == "attribution" && document["by"] as? String == "all" && document["pairing"] as? String == "file"
        )
        let patches = try #require(document["patches"] as? [[String: Any]])
        #expect(patches.count == 8 && document["pairs"] as? Int == 2)
        #expect(patches.filter { $0["unit"] as? String == "head" }.compactMap { $0["index"] as? Int } == [0, 1])
        let metric = try #require((document["metrics"] as? [[String: Any]])?.first)
        #expect(metric["metric"] as? String == "kl" && metric["moves"] as? Bool == true && metric["clean"] as? Double == 0)
    }

    @Test func theStrongestComeFirst() throws {
        let run = "MODEL/gpt2 --data pairs.json --direction both --format tsv"
        let rows = try Self.patch(run + " --top 3").rows.dropFirst(3)
        #expect(rows.map { $0[0] } == ["denoise", "denoise", "denoise", "noise", "noise", "noise"])
        let all = try Self.patch(run).rows.dropFirst(3)
        for direction in ["denoise", "noise"] {
            let effects = all.filter { $0[0] == direction }.compactMap { Double($0[10]).map(abs) }.sorted(by: >)
            #expect(rows.filter { $0[0] == direction }.compactMap { Double($0[10]).map(abs) } == Array(effects.prefix(3)))
        }
    }

    @Test func pairsByClassFollowTheSeed() throws {
        let run =
            "MLP.pt --data MLP.npz --pairs by-class --limit 40 --arch fc1,relu,fc2,relu,fc3,relu,fc4 --sites fc2.relu --format tsv --quiet "
        let first = try Self.patch(run)
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.rows[3].prefix(7) == ["denoise", "fc2.relu", "site", "", "", "40", "1"])
        // All that the later layers read is clean.
        #expect(try abs(#require(Double(first.rows[3][11])) - 1) < 1e-6)
        #expect(try Self.patch(run + "--seed 0").output == first.output)
        #expect(try Self.patch(run + "--seed 1").output != first.output)
        let addition = try Self.patch("MODEL/grokking/model.pth --data modadd:10 --pairs by-class --format tsv")
        #expect(addition.status == 0 && addition.rows.count == 3 + 3 && addition.rows[1][5] == "100", "\(addition.errors)")
    }

    @Test func clustersArePatchedWhereTheirNeuronsAre() throws {
        let result = try Self.patch(
            "MLP.pt --data MLP.npz --pairs by-class --limit 40 --clusters MLP.clusters.tsv --layers fc2.weight --format tsv --quiet")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.rows.dropFirst(3).map { Array($0[1...3]) } == (0..<4).map { ["fc2", "cluster", "\($0)"] })
    }

    @Test func whatChangedNothingIsNoResult() throws {
        let result = try Self.patch("MODEL/gpt2 --data pairs.json --sites hook_pos_embed --format tsv --direction both")
        #expect(result.status == 0)
        #expect(result.rows.dropFirst(3).map { Array($0[6...]) } == [[String]](repeating: ["0", "0", "0", "nan", "nan", "nan"], count: 2))
        #expect(
            result.errors.hasSuffix("gpt2: 2 of 2 patches had no effect; their measures are undefined: hook_pos_embed\n"),
            "\(result.errors)")
    }

    @Test func aMetricThatDoesNotMoveIsSaid() throws {
        let same = #"{"prompts": [{"clean": [1, 2, 3], "corrupt": [1, 2, 3], "answers": [4], "wrong_answers": [5]}]}"#
        let result = try Self.patch("MODEL/gpt2 --data same.json --sites resid --format jsonl", files: ["same.json": same])
        #expect(result.status == 0 && result.errors.contains("logit-diff does not distinguish the clean from the corrupted runs, "))
        for line in result.text.split(separator: "\n") {
            let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let measure = try #require((row["measures"] as? [[String: Any]])?.first)
            #expect(measure["normalized"] is NSNull)
        }
    }

    @Test(arguments: [
        (
            "MODEL/gpt2 --data pairs.json --sites blocks.0.attn.hook_y",
            "no site matches 'blocks.0.attn.hook_y'; the nearest are 'blocks.0.attn.hook_q'"
        ),
        (
            "MODEL/mistral --data pairs.json --sites blocks.0.attn.v.2",
            "site 'blocks.0.attn.hook_v' has no head 2, expected 0 to 1: 2 of the 4 query heads share each key head"
        ),
        (
            "MODEL/mistral --data pairs.json --sites mlp_out --granularity head",
            "site 'blocks.0.hook_mlp_out' has no heads; the nearest are "
        ),
        (
            "MODEL/gpt2 --data long.json",
            "long.json: the prompts of pair 1 differ in length, expected 2 tokens as in the clean one, found 3"
        ),
        (
            "MODEL/gpt2 --data open.json",
            "open.json: pair 0 has no wrong answers, which logit-diff compares with; --metric prob, loss and kl need none"
        ),
        ("MODEL/gpt2 --data wide.json", "wide.json: pair 0 has an answer out of the model's range, expected 0 to 39, found 40"),
        ("MODEL/gpt2 --data text.json", "text.json: text needs a tokenizer, and the checkpoint has no tokenizer.json"),
        ("MODEL/gpt2 --data modadd:7", "modadd:7: no prompt pairs; --pairs by-class draws pairs from samples with a class each"),
        ("MLP.pt --data MLP.npz", "no prompt pairs, expected JSON with prompts, or CSV with clean and corrupted; --pairs by-class"),
        ("MLP.pt --data MLP.npz --pairs by-class --by position", "site 'fc1.relu' has no positions"),
        ("MLP.pt --data MLP.npz --pairs by-class --by position --clusters MLP.clusters.tsv", "site 'fc2' has no positions"),
        (
            "MLP.pt --data MLP.npz --pairs by-class --clusters last.tsv",
            "site 'fc4' is the model's output, after which nothing is left to run"
        ),
        ("MLP.pt --data pairs.json", "the model reads numbers"),
        ("MODEL/gpt2 --data pairs.json --context 4", "pairs.json: --context does not apply to prompt pairs"),
    ])
    func whatDoesNotFitIsOneLine(arguments: String, message: String) throws {
        let result = try Self.patch(
            arguments + " --quiet",
            files: [
                "long.json":
                    #"{"prompts": [{"clean": [1], "corrupt": [2], "answers": 1}, {"clean": [1, 2], "corrupt": [1, 2, 3], "answers": 1}]}"#,
                "open.json": #"{"prompts": [{"clean": [1], "corrupt": [2], "answers": 1}]}"#,
                "wide.json": #"{"prompts": [{"clean": [1], "corrupt": [2], "answers": 1, "wrong_answers": 40}]}"#,
                "last.tsv": "layer\tside\tindex\tcluster\n"
                    + ((0..<10).map { "fc4.weight\tout\t\($0)\t0\n" } + (0..<32).map { "fc4.weight\tin\t\($0)\t0\n" }).joined(),
                "text.json": #"{"prompts": [{"clean": "a", "corrupt": "b", "answers": " c"}]}"#,
            ])
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains(message), "\(result.errors)")
    }

    @Test(arguments: [
        ("--top 0", "--top must be at least 1"), ("--sites a --clusters c", "--sites cannot be combined with --clusters"),
        ("--layers fc1", "--layers chooses among the layers of --clusters"), ("--sites a,,b", "--sites has an empty pattern"),
        ("--metric kl --metric kl", "--metric names a metric twice"),
        ("--clusters c --granularity head", "--clusters cannot be combined with"),
        ("--approximate --direction both --metric kl", "--metric kl is flat at the clean run"),
    ])
    func wrongUsageIs64(options: String, message: String) throws {
        let result = try Self.patch("MODEL/gpt2 --data pairs.json " + options)
        #expect(result.status == 64 && result.errors.contains(message), "\(result.errors)")
    }

    @Test func anAnswerOfSeveralTokensShowsItsSplit() throws {
        try TemporaryFolder.with { folder in
            for name in ["config.json", "model.safetensors"] {
                try FileManager.default.copyItem(atPath: Fixtures.path("gpt2-tiny/" + name), toPath: folder + "/" + name)
            }
            let vocabulary = #"{"[UNK]": 0, "one": 1, "two": 2, "three": 3}"#
            let tokenizer = """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
                "post_processor": null, "decoder": null, "model": {"type": "WordLevel", "vocab": \(vocabulary), "unk_token": "[UNK]"}}
                """
            try tokenizer.write(toFile: folder + "/tokenizer.json", atomically: true, encoding: .utf8)
            func run(_ answer: String) throws -> CommandResult {
                let text =
                    #"{"prompts": [{"clean": "one two", "corrupt": "two two", "answers": ["\#(answer)"], "wrong_answers": ["three"]}]}"#
                try text.write(toFile: folder + "/p.json", atomically: true, encoding: .utf8)
                return try BuiltCommand.run("patch", folder, "--data", folder + "/p.json", "--format", "tsv")
            }
            let sound = try run("one")
            #expect(sound.status == 0 && sound.rows.count > 3, "\(sound.errors)")
            let split = try run("one two")
            #expect(split.status == 1)
            #expect(
                split.errors.hasSuffix("an answer of pair 0 is not one token: 'one two', expected 1 token, found 2: 'one' 'two'\n"),
                "\(split.errors)")
        }
    }
}
