import Foundation
import TestSupport
import Testing

/// What config.json says of classes must agree with itself, with the head and with the data.
@Suite struct ClassSettingsCommandTests {
    /// Runs eval on the classifier with other settings; nil takes one away.
    private func run(_ settings: [String: Any?], data: String, _ options: [String] = []) throws -> (line: String, result: CommandResult) {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("texts/classifier")
            for file in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
                try FileManager.default.copyItem(atPath: "\(model)/\(file)", toPath: "\(folder)/\(file)")
            }
            let stored = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: model + "/config.json")))
            var members = try #require(stored as? [String: Any])
            for (name, value) in settings { members[name] = value }
            try JSONSerialization.data(withJSONObject: members, options: .sortedKeys).write(
                to: URL(fileURLWithPath: folder + "/config.json"))
            let labelled = folder + "/data.csv"
            try data.write(toFile: labelled, atomically: true, encoding: .utf8)
            let result = try BuiltCommand.run(["eval", folder, "--data", labelled] + options)
            let lines = result.errors.split(separator: "\n").filter { $0.contains("config.json: ") || $0.contains("problem_type") }
            return (lines.map { String($0).replacingOccurrences(of: folder, with: "F") }.joined(separator: "\n"), result)
        }
    }

    private static let named = "label,text\nneutral,The cat sat.\nnegative,Bad.\n"
    private static let numbered = "label,text\n1,The cat sat.\n0,Bad.\n"

    /// Of names that are not to be relied on, labels in words are an error, and labels in numbers are shown without.
    @Test(
        arguments: [
            (
                ["label2id": ["negative": 1, "neutral": 0, "positive": 2]],
                "config.json: 'label2id': gives 'negative' another class, expected 0, as id2label, found 1"
            ),
            (
                ["label2id": ["bad": 0, "neutral": 1, "positive": 2]],
                "config.json: 'label2id': calls class 0 otherwise, expected 'negative', as id2label, found 'bad'"
            ),
            (
                ["id2label": ["0": "good", "1": "neutral", "2": "good"], "label2id": ["neutral": 1]],
                "config.json: 'id2label': gives several classes one name, expected a name for each class, found 'good' for 0 and 2"
            ),
            (
                ["label2id": ["negative": 0, "neutral": 1, "positive": 3]],
                "config.json: 'label2id': names no class, expected 0 to 2, found 'positive'"
            ),
            (
                ["id2label": ["0": "LABEL_1", "1": "LABEL_0", "2": "LABEL_2"], "label2id": ["LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2]],
                nil
            ),
        ] as [([String: [String: any Sendable]], String?)])
    func namesThatContradictEachOtherAreNotUsed(_ settings: [String: [String: any Sendable]], _ problem: String?) throws {
        let labels = settings["id2label"]?["0"] as? String == "LABEL_1" ? "label,text\nLABEL_0,The cat sat.\nLABEL_1,Bad.\n" : Self.named
        let (line, words) = try run(settings, data: labels)
        let (note, numbers) = try run(settings, data: Self.numbered)
        // The first line names the folder.
        func table(_ result: CommandResult) -> [Substring] { Array(result.text.split(separator: "\n").dropFirst()) }
        #expect(numbers.status == 0, "\(numbers.errors)")
        guard let problem else {
            // Names that libraries give, of other classes than theirs, are names.
            #expect(words.status == 0 && table(words) == table(numbers), "\(words.errors)")
            #expect(numbers.text.contains("LABEL_1"))
            return
        }
        #expect(words.status == 1 && line.hasSuffix(problem), "\(words.errors)")
        #expect(note.hasSuffix("names of classes are left out: " + problem), "\(note)")
        #expect(!numbers.text.contains("neutral"))
    }

    /// Names that a library left over where nobody gave any contradict nothing; those of `label2id` alone are taken.
    @Test func namesOfOneOfTheTwoAreEnough() throws {
        let defaults = ["LABEL_0": 0, "LABEL_1": 1]
        for settings in [["label2id": defaults], ["id2label": nil], ["label2id": nil]] as [[String: Any?]] {
            let (line, result) = try run(settings, data: Self.named, ["--format", "tsv"])
            #expect(result.status == 0 && line.isEmpty, "\(result.errors)")
            #expect(result.text.contains("neutral"))
        }
    }

    @Test(arguments: [
        (["0": "a", "1": "b"], "expected 3 names, as 'classifier.weight' has rows, found 2"),
        (["0": "a", "1": "b", "2": "c", "3": "d"], "expected 3 names, as 'classifier.weight' has rows, found 4"),
        (["0": "a", "1": "b", "3": "c"], "expected a name for each class from 0 to 2, found none for 2"),
    ]) func asManyClassesAreNamedAsTheHeadScores(_ names: [String: String], _ problem: String) throws {
        let (line, result) = try run(["id2label": names, "label2id": nil], data: Self.numbered)
        #expect(result.status == 1 && line.hasSuffix("config.json: 'id2label': contradicts the tensors, " + problem), "\(line)")
    }

    @Test func theKindOfProblemIsThatOfTheData() throws {
        let (line, regression) = try run(["problem_type": "regression"], data: Self.numbered)
        #expect(regression.status == 1)
        #expect(line.contains("has a class for each sample, and the model gives numbers (problem_type), expected numbers; "), "\(line)")
        #expect(try run(["problem_type": "regression"], data: Self.numbered, ["--task", "classify"]).result.status == 0)
        #expect(try run(["problem_type": "single_label_classification"], data: Self.numbered).result.status == 0)
        let unknown = try run(["problem_type": "ranking"], data: Self.numbered)
        #expect(
            unknown.line.hasSuffix(
                "config.json: 'problem_type': is not known, expected regression, single_label_classification, multi_label_classification, "
                    + "found 'ranking'"), "\(unknown.line)")
    }
}
