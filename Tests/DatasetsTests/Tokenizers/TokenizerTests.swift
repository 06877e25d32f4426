import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Datasets

/// Tokenizers in `fixtures/tokenizers`, with what the package `tokenizers` makes of texts.
@Suite struct TokenizerTests {
    /// A text, its ids, those with special tokens, and the text that they decode to.
    struct Row: Decodable {
        let text: String
        let ids: [Int32]?
        let allIds: [Int32]?
        let back: String?

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            text = try list.decode(String.self)
            ids = try list.decodeIfPresent([Int32].self)
            allIds = try list.decodeIfPresent([Int32].self)
            back = try list.decodeIfPresent(String.self)
        }
    }

    static func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("tokenizers/" + name))) }

    static func tokenizer(_ json: some Collection<UInt8>) throws -> Tokenizer { try Tokenizer(ByteRegion(copying: json), path: "t.json") }

    @Test(arguments: ["gpt2", "gpt_neox", "llama3", "qwen2", "llama_legacy", "llama", "gemma", "bert", "bert_cased"])
    func families_give_the_ids_of_the_tokenizers_package(_ family: String) throws {
        let tokenizer = try Self.tokenizer(Self.data(family + ".json"))
        let texts = try JSONDecoder().decode([String].self, from: Self.data("texts.json"))
        let expected = try JSONSerialization.jsonObject(with: Self.data(family + ".expected.json")) as? [[Any]] ?? []
        try #require(texts.count == expected.count && texts.count > 100)
        for (text, values) in zip(texts, expected) {
            let ids = try #require(values[0] as? [Int]).map(Int32.init)
            #expect(try tokenizer.encode(text, addingSpecialTokens: .never) == ids, "\(text.debugDescription)")
            if let all = values[1] as? [Int] { #expect(try tokenizer.encode(text, addingSpecialTokens: .byTemplate).map(Int.init) == all) }
            #expect(tokenizer.decode(ids).utf8.elementsEqual((values[2] as? String ?? text).utf8), "\(text.debugDescription)")
        }
    }

    @Test func every_setting_gives_the_ids_of_the_tokenizers_package() throws {
        struct Content: Decodable {
            struct Setting: Decodable {
                let name: String
                let cases: [Row]
            }
            let settings: [Setting]
        }
        let data = try Self.data("settings.json")
        let settings = try JSONDecoder().decode(Content.self, from: data).settings
        let content = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let rows = try #require(content["settings"] as? [[String: Any]])
        try #require(settings.count == rows.count && rows.count > 80)
        let files = rows.map { row in
            (row["tokenizer"] as? [String: Any] ?? [:]).merging(["model": content["model"] as Any]) { own, _ in own }
        }
        for (setting, file) in zip(settings, files) {
            let tokenizer = try Self.tokenizer(try JSONSerialization.data(withJSONObject: file))
            for row in setting.cases {
                guard let ids = row.ids else {
                    #expect(throws: Problem.self) { try tokenizer.encode(row.text, addingSpecialTokens: .never) }
                    continue
                }
                let place: Comment = "\(setting.name): \(row.text.debugDescription)"
                #expect(try tokenizer.encode(row.text, addingSpecialTokens: .never) == ids, place)
                #expect(try tokenizer.encode(row.text, addingSpecialTokens: .byTemplate) == row.allIds ?? ids, place)
                #expect(tokenizer.decode(ids).utf8.elementsEqual((row.back ?? row.text).utf8), place)
            }
        }
    }

    @Test func tokens_show_their_own_text() throws {
        let gpt2 = try Self.tokenizer(Self.data("gpt2.json"))
        let the = try #require(gpt2.token(id: "Ġthe"))
        #expect(gpt2.text(of: the) == " the")
        #expect(gpt2.entry(of: the) == "Ġthe")
        #expect(gpt2.text(of: Int32(gpt2.vocabularySize)) == nil && gpt2.text(of: -1) == nil)
        #expect(gpt2.token(id: "<|endoftext|>") == Int32(gpt2.vocabularySize) - 1)
        #expect(gpt2.token(id: "no such token") == nil)
        let llama = try Self.tokenizer(Self.data("llama.json"))
        #expect(llama.text(of: try #require(llama.token(id: "▁the"))) == " the")
        #expect(llama.text(of: try #require(llama.token(id: "<0x0A>"))) == "\n")
        #expect(llama.decode([try #require(llama.token(id: "▁the"))]) == "the")
    }

    @Test func text_that_unicode_holds_for_equivalent_stays_apart() throws {
        let json = #"""
            {"model": {"type": "BPE", "vocab": {"\u00e9": 0, "e": 1, "\u0301": 2, "e\u0301": 3, "\u212b": 4, "\u00c5": 5}, "merges": ["e \u0301"]}}
            """#
        let tokenizer = try Self.tokenizer(Array(json.utf8))
        #expect(try tokenizer.encode("\u{E9}e\u{301}\u{212B}\u{C5}", addingSpecialTokens: .never) == [0, 3, 4, 5])
        #expect(tokenizer.token(id: "e\u{301}") == 3)
        #expect(tokenizer.token(id: "\u{E9}") == 0)
    }

    @Test func a_long_word_merges_like_its_parts() throws {
        // Each merge doubles: a run of 2^k letters is one token, and the leftmost pairs go first.
        let names = (0...10).map { String(repeating: "a", count: 1 << $0) }
        let vocabulary = names.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
        let merges = names.dropLast().map { "\"\($0) \($0)\"" }.joined(separator: ", ")
        let tokenizer = try Self.tokenizer(Array(#"{"model": {"type": "BPE", "vocab": {\#(vocabulary)}, "merges": [\#(merges)]}}"#.utf8))
        let count = 1_000_003
        let tokens = try tokenizer.encode(String(repeating: "a", count: count), addingSpecialTokens: .never)
        #expect(tokens == Array(repeating: 10, count: count / 1024) + (0..<10).reversed().filter { count >> $0 & 1 == 1 }.map(Int32.init))
    }

    /// Tokens that take the white space behind them and are white space themselves: the steps allowed for each byte would not do for a
    /// search that looks through all that follows each of them. The package gives a token for every place.
    @Test func aRunOfSpacesIsLookedThroughOnce() throws {
        let json = #"""
            {"added_tokens": [{"id": 1, "content": " ", "single_word": false, "lstrip": false, "rstrip": true, "normalized": false,
            "special": true}], "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
            """#
        let tokenizer = try Self.tokenizer(Array(json.utf8))
        #expect(try tokenizer.encode(String(repeating: " ", count: 50_000), addingSpecialTokens: .never).count == 50_000)
    }
}
