import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Datasets

/// Texts with labels, and tokens that are masked, with the small WordPiece tokenizer of fixtures/texts.
@Suite struct LabelledTextTests {
    private static func tokenizer(_ folder: String = "classifier") throws -> LazyTokenizer {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("texts/\(folder)/tokenizer.json")))
        return LazyTokenizer(ByteRegion(copying: Array(bytes)), path: "tokenizer.json")
    }

    private static let names = ClassNames([("negative", 0), ("neutral", 1), ("positive", 2)], count: 3)

    private static func open(
        _ text: String, path: String, task: DataTask? = nil, model: DataTask? = .classify, names: ClassNames = names, context: Int? = nil,
        seed: UInt64 = 0, tokenizer: LazyTokenizer? = nil
    ) throws -> Dataset {
        var source = DatasetSource(path: path, context: context, seed: seed)
        (source.task, source.modelTask, source.classNames, source.longestSequence) = (task, model, names, 20)
        source.tokenizer = try tokenizer ?? Self.tokenizer()
        return try source.open(DataFile(guardedRegion(Array(text.utf8)), path: path))
    }

    private struct Expected: Decodable {
        let ids: [[Int32]]
        let labels: [Int32]
    }

    @Test(arguments: ["sentences.jsonl", "sentences.csv", "sentences.tsv"])
    func tablesAndLinesHoldTheSameTexts(_ name: String) throws {
        let expected = try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("texts/expected.json"))))
        let content = try String(contentsOf: URL(fileURLWithPath: Fixtures.path("texts/" + name)), encoding: .utf8)
        let dataset = try Self.open(content, path: name)
        let tokens = try #require(dataset.tokens)
        #expect((0..<tokens.count).map { Array(tokens.tokens(of: $0)) } == expected.ids)
        guard case .labels(let labels) = dataset.targets else { throw Problem("no labels") }
        #expect(labels == expected.labels && dataset.notes.isEmpty)
    }

    @Test func namesThatTheModelLacksAreNumberedInOrder() throws {
        let lines = #"{"text":"a","label":"b"}"# + "\n" + #"{"text":"a","label":"a"}"# + "\n\n"
        let two = try Self.open(lines, path: "x.jsonl", names: ClassNames([("LABEL_0", 0), ("LABEL_1", 1)], count: 2))
        guard case .labels(let labels) = two.targets else { throw Problem("no labels") }
        #expect(labels == [1, 0] && two.notes.count == 1)
        #expect(throws: Problem.self) { try Self.open(lines, path: "x.jsonl", names: ClassNames([], count: 3)) }
    }

    /// A word at the start of a text has no space before it, and is another token where bytes are tokens.
    @Test func theFirstWordIsSpelledWithoutASpace() throws {
        let tokenizer = #"""
            {"added_tokens": [{"id": 0, "content": "<mask>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false,
            "special": true}], "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
            "post_processor": null, "decoder": null, "model": {"type": "BPE", "merges": ["a b", "Ġ ab"],
            "vocab": {"<mask>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4, "Ġab": 5}}}
            """#
        func answers(_ text: String) throws -> [Int32] {
            let path = "x.jsonl"
            var source = DatasetSource(path: path, context: nil, seed: 0)
            (source.modelTask, source.longestSequence) = (.masked, 20)
            source.tokenizer = LazyTokenizer(ByteRegion(copying: Array(tokenizer.utf8)), path: "tokenizer.json")
            let dataset = try source.open(DataFile(guardedRegion(Array(#"{"text":"\#(text)","label":"ab"}"#.utf8)), path: path))
            guard case .masked(let answers) = dataset.targets else { throw Problem("no masks") }
            return answers.flatMap { $0.map(\.token) }
        }
        #expect(try answers("<mask> ab") == [3])
        #expect(try answers(" <mask> ab") == [5])
        #expect(try answers("ab <mask> ab") == [5])
    }

    /// transformers calls class n of a model without names LABEL_n: not the nth in the order of bytes.
    @Test(arguments: [true, false]) func namesThatALibraryGaveAreTheirNumbers(areGiven: Bool) throws {
        let given = ClassNames(areGiven ? (0..<12).map { ("LABEL_\($0)", Int32($0)) } : [], count: 12)
        for numbers in [Array(0..<12), [10, 2]] {
            let lines = numbers.map { #"{"text":"a","label":"LABEL_\#($0)"}"# }.joined(separator: "\n")
            let dataset = try Self.open(lines, path: "x.jsonl", names: given)
            guard case .labels(let labels) = dataset.targets else { throw Problem("no labels") }
            #expect(labels == numbers.map(Int32.init) && dataset.notes.isEmpty && dataset.classNames.isEmpty)
        }
    }

    /// A number of JSON is the class itself; in a table it cannot be told from a name that is a numeral, and what is taken is said.
    @Test func numbersAreNoNames() throws {
        let numerals = ClassNames([("1", 0), ("2", 1), ("3", 2)], count: 3)
        func labels(_ text: String, _ path: String) throws -> (labels: [Int32], notes: [String]) {
            let dataset = try Self.open(text, path: path, names: numerals)
            guard case .labels(let labels) = dataset.targets else { throw Problem("no labels") }
            return (labels, dataset.notes)
        }
        let numbers = try labels(#"{"text":"a","label":1}"# + "\n" + #"{"text":"a","label":2}"#, "x.jsonl")
        #expect(numbers.labels == [1, 2] && numbers.notes.isEmpty)
        let names = try labels("text,label\na,1\na,2\n", "x.csv")
        #expect(names.labels == [0, 1] && names.notes == ["the labels are taken for the model's names of classes: '1' is 0"])
    }

    @Test func severalClassesEachAreSaid() throws {
        var several = Self.names
        several.areSeveralEach = true
        let dataset = try Self.open(#"{"text":"a","label":1}"#, path: "x.jsonl", names: several)
        #expect(dataset.notes == ["the model gives a text several classes (problem_type); it is scored as if it gave one"])
    }

    @Test func longTextsAreCutBeforeTheirEndTokens() throws {
        let dataset = try Self.open(#"{"text":"the cat sat on the mat","label":1}"#, path: "x.jsonl", context: 5)
        let tokens = try #require(dataset.tokens)
        #expect(tokens.length(of: 0) == 5 && tokens.tokens(of: 0).last == 3)
        #expect(dataset.notes == ["1 of 1 texts are cut to 5 tokens"])
    }

    @Test(arguments: [
        (#"{"text":"a","label":"x"}"#, "x.jsonl: line 1 has a label that the model does not name"),
        (#"{"text":"a","label":-1}"#, "x.jsonl: line 1 has a label that is no class"),
        (#"{"text":"a","label":1}"# + "\n" + #"{"text":"a"}"#, "x.jsonl: line 2 has no label, and others have one"),
        (#"{"text":1}"#, "x.jsonl: line 1: has a 'text' that is no text"), (#"{"label":1}"#, "x.jsonl: line 1: has no text"),
        ("[1]", "x.jsonl: line 1: is not a record"), (#"{"text":"a""#, "x.jsonl: line 1:"), ("", "x.jsonl"),
        ("\n\n", "x.jsonl: holds no texts"),
        ("\u{0}", "x.jsonl: line 1:"), (String(repeating: "[", count: 300), "x.jsonl: line 1:"),
    ])
    func damagedLinesAreRefusedByTheirNumber(_ content: String, _ message: String) throws {
        let found = problem { try Self.open(content, path: "x.jsonl") }
        #expect(found?.hasPrefix(message) == true && found?.contains("\n") == false, "\(found ?? "none")")
    }

    @Test(arguments: [
        ("text,label\na\n", "x.csv: line 2 does not have as many fields"),
        ("text,label\n\"a,1\n", "x.csv: the quotes in line 2 are never closed"),
        ("text,label\na,\n", "x.csv: line 2 has an empty label"), ("text,text,label\na,b,1\n", "x.csv: the column 'text' appears twice"),
        ("text,label\n", "x.csv: holds no texts"), ("text,label\n\"a\"b,1\n", "x.csv: text after the closing quotes"),
        ("text,label\na,1\nb,negative\n", "x.csv: line 2 has a label that the model does not name"),
    ])
    func damagedTablesAreRefusedByTheirLine(_ content: String, _ message: String) throws {
        let found = problem { try Self.open(content, path: "x.csv") }
        #expect(found?.hasPrefix(message) == true && found?.contains("\n") == false, "\(found ?? "none")")
    }

    @Test func aSeventhOfTheTokensIsMaskedUnderTheSeed() throws {
        let text = (0..<40).map { _ in "the cat sat on the mat by the big red house under a tree ." }.map { #"{"text":"\#($0)"}"# }
            .joined(separator: "\n")
        func masked(_ seed: UInt64) throws -> (ids: [[Int32]], answers: [[Dataset.MaskedAnswer]]) {
            let dataset = try Self.open(text, path: "x.jsonl", model: .masked, seed: seed)
            guard case .masked(let answers) = dataset.targets, let tokens = dataset.tokens else { throw Problem("nothing is masked") }
            return ((0..<tokens.count).map { Array(tokens.tokens(of: $0)) }, answers)
        }
        let whole = try #require(try Self.open(text, path: "x.jsonl", task: .nextToken).tokens)
        let found = try masked(1)
        for (sample, answers) in found.answers.enumerated() {
            // 15 tokens beside the two at the ends.
            #expect(answers.count == 2)
            var ids = found.ids[sample]
            for answer in answers {
                #expect(ids[answer.position] == 4)
                ids[answer.position] = answer.token
            }
            #expect(ids == Array(whole.tokens(of: sample)))
        }
        #expect(Set(found.answers.flatMap { $0.map(\.position) }).count > 8)
        #expect(try masked(1).ids == found.ids)
        #expect(try masked(2).ids != found.ids)
    }

    @Test func labelsFillTheMasksThatTextsHave() throws {
        let dataset = try Self.open(
            #"{"text":"the [MASK] sat on the [MASK]","label":"cat mat"}"#, path: "x.jsonl", model: .masked)
        guard case .masked(let answers) = dataset.targets else { throw Problem("nothing is masked") }
        #expect(answers == [[.init(position: 2, token: 7), .init(position: 6, token: 16)]])
        let found = problem { try Self.open(#"{"text":"the [MASK]","label":"cat mat"}"#, path: "x.jsonl", model: .masked) }
        #expect(found?.contains("not as many tokens as its text has masks") == true, "\(found ?? "none")")
    }

    /// A tokenizer of bytes with a mask that takes the space before it, as RoBERTa's; the ids are those of the library `tokenizers`.
    @Test func aLabelIsTheTokenThatWouldStandInTheText() throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("tokenizers/gpt2.json")))
        var settings = try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
        var added = try #require(settings["added_tokens"] as? [[String: Any]])
        var mask = added[0]
        for (key, value) in [("id", 461), ("content", "<mask>"), ("lstrip", true), ("normalized", false)] as [(String, Any)] {
            mask[key] = value
        }
        added.append(mask)
        settings["added_tokens"] = added
        let tokenizer = LazyTokenizer(
            ByteRegion(copying: Array(try JSONSerialization.data(withJSONObject: settings))), path: "tokenizer.json")
        // At the start and behind a bracket without the space, elsewhere with it; two tokens at the start leave the one with the space.
        let lines = [("<mask> , and", "in", 260), ("and <mask>, and", "in", 281), ("(<mask>)", "in", 260), ("<mask> , and", "the", 261)]
        let text = lines.map { #"{"text":"\#($0.0)","label":"\#($0.1)"}"# }.joined(separator: "\n")
        let dataset = try Self.open(text, path: "x.jsonl", model: .masked, tokenizer: tokenizer)
        guard case .masked(let answers) = dataset.targets else { throw Problem("nothing is masked") }
        #expect(answers.map { $0.map(\.token) } == lines.map { [Int32($0.2)] })
    }

    @Test func aMaskThatIsCutOffIsSaidToBe() throws {
        let long = String(repeating: "the cat ", count: 15) + "[MASK]"
        let found = problem { try Self.open(#"{"text":"\#(long)","label":"mat"}"#, path: "x.jsonl", model: .masked) }
        #expect(found == "x.jsonl: the mask of line 1 is beyond the tokens that the model reads, expected one of the first 20 tokens")
    }

    @Test func tasksThatDoNotApplyAreRefused() throws {
        let lines = #"{"text":"the cat","label":1}"#
        #expect(throws: Problem.self) { try Self.open(lines, path: "x.jsonl", task: .reconstruction) }
        #expect(throws: Problem.self) { try Self.open(#"{"text":"the cat"}"#, path: "x.jsonl", task: .classify) }
        #expect(throws: Problem.self) { try Self.open(#"{"text":"the cat","label":"x"}"#, path: "x.jsonl", task: .regression) }
        let numbers = try Self.open(#"{"text":"the cat","label":1.5}"#, path: "x.jsonl", task: .regression)
        guard case .numbers(let found) = numbers.targets else { throw Problem("no numbers") }
        #expect(found.values == [1.5])
    }
}
