import TestSupport
import Testing
import Text

@testable import Datasets

@Suite struct PromptPairsTests {
    private static let first = "When Mary and John went to the store, John gave a drink to"
    private static let second = "Grüße \"quoted\"\nand a second line"

    @Test func jsonHoldsTexts() throws {
        let pairs = try PromptPairs.open(DataFixtures.path("pairs.json"))
        #expect(pairs.pairs.count == 2)
        #expect(pairs.holdsText)
        #expect(pairs.pairs[0].clean == .text(Self.first))
        #expect(pairs.pairs[0].answers == [.text(" Mary")])
        #expect(pairs.pairs[0].wrongAnswers == [.text(" John")])
        #expect(pairs.pairs[1].clean == .text(Self.second))
        #expect(pairs.pairs[1].answers == [.text(" a"), .text(" b")])
    }

    @Test func csvHoldsTextsAndIndices() throws {
        let pairs = try PromptPairs.open(DataFixtures.path("pairs.csv")).pairs
        #expect(pairs.count == 2)
        #expect(pairs[0].clean == .text(Self.first))
        #expect(pairs[0].answers == [.tokens([5335])])
        #expect(pairs[0].wrongAnswers == [.tokens([1757])])
        #expect(pairs[1].clean == .text(Self.second))
        #expect(pairs[1].corrupted == .text("Grüße, with a comma\nand a second line"))
        #expect(pairs[1].answers == [.tokens([1]), .tokens([2])])
        #expect(pairs[1].wrongAnswers == [.tokens([3])])
    }

    @Test(arguments: [("pairs-tokens.json", [5, 6]), ("pairs-tokens.csv", [])] as [(String, [Int32])])
    func idsNeedNoTokenizer(_ name: String, _ wrong: [Int32]) throws {
        let pairs = try PromptPairs.open(DataFixtures.path(name))
        #expect(!pairs.holdsText)
        let tokens = try pairs.tokenized(prompt: nil, answer: nil)
        #expect(tokens.count == 1)
        #expect(tokens.clean.tokens(of: 0) == [1, 2, 3])
        #expect(tokens.corrupted.tokens(of: 0) == [1, 9, 3])
        #expect(tokens.answers == [[4]])
        #expect(tokens.wrongAnswers == [wrong])
        #expect(tokens.largestToken == 9)
    }

    @Test func textsGoThroughTheTokenizer() throws {
        let name = DataFixtures.path("pairs.json")
        let pairs = PromptPairs(name: name, pairs: Array(try PromptPairs.open(name).pairs.prefix(1)))
        let words: (String) -> [Int32] = { $0.split(separator: " ").map { Int32($0.utf8.count) } }
        let tokens = try pairs.tokenized(prompt: { [0] + words($0) }, answer: words)
        #expect(tokens.clean.tokens(of: 0) == [0, 4, 4, 3, 4, 4, 2, 3, 6, 4, 4, 1, 5, 2])
        #expect(tokens.answers == [[4]])
        #expect(throws: Problem.self) { try pairs.tokenized(prompt: nil, answer: words) }
        #expect(
            Self.text { try pairs.tokenized(prompt: words, answer: { _ in [1, 2] }) }?.contains(
                "an answer of pair 0 is not one token: ' Mary'") == true)
        let split = Self.text { try pairs.tokenized(prompt: words, answer: { _ in [1, 2] }, spelling: { [1: " Ma", 2: "ry"][$0] }) }
        #expect(split?.hasSuffix("not one token: ' Mary', expected 1 token, found 2: ' Ma' 'ry'") == true, "\(split ?? "")")
        #expect(Self.text { try pairs.tokenized(prompt: { _ in [] }, answer: words) }?.contains("a prompt of pair 0 is empty") == true)
        let lengths = Self.text {
            try pairs.tokenized(prompt: { $0.utf8.map { Int32($0) }.dropLast($0.contains("John gave") ? 1 : 0) }, answer: words)
        }
        #expect(
            lengths?.contains("the prompts of pair 0 differ in length, expected 57 tokens as in the clean one, found 58") == true,
            "\(lengths ?? "")")
    }

    @Test func pairsAreNoSamples() {
        #expect(problem { try DataFixtures.source("pairs.json").open() }?.contains("prompt pairs are not samples") == true)
        #expect(Self.text { try PromptPairs.open(DataFixtures.path("bytes.npz")) }?.contains("no prompt pairs") == true)
    }

    private static func text<Result>(_ body: () throws -> Result) -> String? {
        do {
            _ = try body()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func read(_ content: String, path: String = "p") throws -> PromptPairs {
        try PromptPairs.read(DataFile(guardedRegion(Array(content.utf8)), path: path))
    }

    @Test(arguments: [
        ("{}", "no 'prompts'"), ("[]", "not valid, expected an object, found byte 0"), ("{\"prompts\": []}", "holds no prompt pairs"),
        ("{\"prompts\": [{}]}", "no 'clean' at 'prompts.0'"),
        (
            "{\"prompts\": [{\"clean\": 1, \"corrupt\": \"\", \"answers\": []}]}",
            "at 'prompts.0.clean', expected a string or a list of token ids"
        ),
        ("{\"prompts\": [{\"clean\": [-1], \"corrupt\": \"\", \"answers\": []}]}", "at 'prompts.0.clean'"),
        ("{\"prompts\": [{\"clean\": [4294967296], \"corrupt\": \"\", \"answers\": []}]}", "at 'prompts.0.clean'"),
        (
            "{\"prompts\": [{\"clean\": \"a\", \"corrupt\": \"b\", \"answers\": [1.5]}]}",
            "at 'prompts.0.answers', expected a list of texts or token ids"
        ),
        ("{\"prompts\": [{\"clean\": \"a\", \"corrupt\": \"b\", \"answers\": [-1]}]}", "at 'prompts.0.answers'"),
        ("{\"prompts\": [{\"clean\": \"a\", \"corrupt\": \"b\"}]}", "no 'answers'"),
        ("{\"prompts\": ", "not valid, expected a list, found the end of the file"),
    ])
    func refusesJSON(_ content: String, because words: String) {
        let text = Self.text { try Self.read(content) }
        #expect(text?.hasPrefix("p: ") == true)
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test func deeplyNestedJSONIsAnError() {
        #expect(Self.text { try Self.read("{\"prompts\": " + String(repeating: "[", count: 100_000)) } != nil)
    }

    @Test func oneAnswerNeedsNoList() throws {
        let pairs = try Self.read(
            "\u{FEFF} {\"prompts\": [{\"clean\": \"a\", \"corrupt\": [1], \"answers\": \" b\", \"wrong_answers\": 7}]}"
        ).pairs
        #expect(pairs == [.init(clean: .text("a"), corrupted: .tokens([1]), answers: [.text(" b")], wrongAnswers: [.tokens([7])])])
    }

    @Test func csvIsReadAsItsStandardSays() throws {
        let pairs = try Self.read(
            "\u{FEFF}corrupted,clean,correct_idx,incorrect_idx\r\n\"a \"\"b\"\", c\",\"d\r\ne\",\"[1, 2]\",[]\r\n,x,3 ,4", path: "p.csv"
        ).pairs
        #expect(
            pairs == [
                .init(clean: .text("d\r\ne"), corrupted: .text("a \"b\", c"), answers: [.tokens([1]), .tokens([2])], wrongAnswers: []),
                .init(clean: .text("x"), corrupted: .text(""), answers: [.tokens([3])], wrongAnswers: [.tokens([4])]),
            ])
    }

    @Test(arguments: [
        ("clean,corrupted\na,b\n", "no column 'correct_idx' in the CSV header"),
        ("clean,clean,corrupted,correct_idx\n", "the column 'clean' appears twice"),
        ("clean,corrupted,correct_idx\n", "holds no prompt pairs"), ("\n\n", "no column 'clean'"),
        ("clean,corrupted,correct_idx\na,b\n", "line 2 does not have as many fields as the header, expected 3, found 2"),
        ("clean,corrupted,correct_idx\n\"a\nb\",c,1\na,b,1,\n", "line 4 does not have as many fields"),
        ("clean,corrupted,correct_idx\na,b,c\n", "line 2 has no token id as correct_idx"),
        ("clean,corrupted,correct_idx\na,b,-1\n", "a token id in line 2 is out of range, expected 0 to 2147483647, found -1"),
        ("clean,corrupted,correct_idx\na,b,\n", "line 2 has no token id"),
        ("clean,corrupted,correct_idx\na,b,\"[1, ]\"\n", "line 2 has no token id"),
        ("clean,corrupted,correct_idx\n\"[1,-2]\",b,1\n", "a token id in line 2 is out of range, expected 0 to 2147483647, found -2"),
        ("clean,corrupted,correct_idx\n\"a,b,1\n", "the quotes in line 2 are never closed"),
        ("clean,corrupted,correct_idx\n\"a\"x,b,1\n", "text after the closing quotes in line 2"),
    ])
    func refusesCSV(_ content: String, because words: String) {
        let text = Self.text { try Self.read(content, path: "p.csv") }
        #expect(text?.hasPrefix("p.csv: ") == true)
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test(arguments: ["pairs.json", "pairs-tokens.json", "pairs.csv", "pairs-tokens.csv"])
    func truncationsNeverTrap(_ name: String) throws {
        let whole = try DataFixtures.bytes(name)
        for count in 0..<whole.count {
            _ = Self.text { try PromptPairs.read(DataFile(guardedRegion(Array(whole[..<count])), path: name)) }
        }
    }
}
