import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Datasets

@Suite struct MalformedTokenizerTests {
    static func problem(_ json: some Collection<UInt8>) -> String? {
        do {
            _ = try Tokenizer(ByteRegion(copying: json), path: "t.json")
            return nil
        } catch let error as Problem {
            return error.description
        } catch {
            return "another error: \(error)"
        }
    }

    static func model(_ members: String) -> String { #"{"model": {"type": "BPE", \#(members)}}"# }
    static func part(_ members: String) -> String { #"{\#(members), "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"# }

    @Test(arguments: [
        ("", "t.json: is not a tokenizer in JSON, expected an object, found the end of the file"),
        ("[]", "t.json: is not a tokenizer in JSON, expected an object, found byte 0 ('[')"),
        ("{}", "t.json: is not a tokenizer: it has no part 'model'"),
        (#"{"model": 3}"#, "t.json: is not a tokenizer in JSON, expected an object, found byte 10 ('3')"),
        (#"{"model": {}}"#, "t.json: model.type has a wrong value, expected a string, found none"),
        (
            #"{"model": {"type": "Phonemes", "vocab": [["a", -1.5]]}}"#,
            "t.json: a tokenizer of type 'Phonemes' is not read, expected BPE, WordPiece, Unigram or WordLevel"
        ),
        (
            #"{"model": {"type": "WordPiece", "vocab": {"a": 0}}}"#,
            "t.json: model.unk_token has a wrong value, expected a string, found none"
        ),
        (model(#""merges": []"#), "t.json: the model has no 'vocab' or no 'merges'"),
        (model(#""vocab": {"a": -1}, "merges": []"#), "t.json: the token 'a' has no valid id, expected 0 to 2147483647, found -1"),
        (
            model(#""vocab": {"a": 4294967296}, "merges": []"#),
            "t.json: the token 'a' has no valid id, expected 0 to 2147483647, found 4294967296"
        ),
        (model(#""vocab": {"a": "0"}, "merges": []"#), "t.json: the token 'a' has no valid id, expected 0 to 2147483647, found '0'"),
        (model(#""vocab": {"a": 0, "b": 0}, "merges": []"#), "t.json: the tokens 'a' and 'b' share the id 0"),
        (model(#""vocab": {"a": 0, "a": 1}, "merges": []"#), "t.json: the token 'a' appears twice in the vocabulary"),
        (model(#""vocab": {"a": 0}, "merges": ["a b"]"#), "t.json: merge 1 needs the token 'b', which is not in the vocabulary"),
        (
            model(#""vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]"#),
            "t.json: merge 1 needs the token 'ab', which is not in the vocabulary"
        ),
        (model(#""vocab": {"a": 0}, "merges": ["a"]"#), "t.json: merge 1 is not a pair of tokens, found 'a'"),
        (model(#""vocab": {"a": 0}, "merges": ["a a a"]"#), "t.json: merge 1 is not a pair of tokens, found 'a a a'"),
        (model(#""vocab": {"a": 0}, "merges": [["a", "a", "a"]]"#), "t.json: merge 1 is not a pair of tokens"),
        (
            model(#""vocab": {"a": 0}, "merges": [], "dropout": 0.1"#),
            "t.json: the model has a 'dropout', which is not read, expected none, found 0.1"
        ),
        (
            model(#""vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>""#),
            "t.json: the model has a 'end_of_word_suffix', which is not read"
        ),
        (part(#""version": "2.0""#), "t.json: version has a wrong value, expected '1.0', found '2.0'"),
        (
            part(#""normalizer": {"type": "Compiled"}"#),
            "t.json: normalizer of type 'Compiled' is not read, expected BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, "
                + "Nmt, Precompiled, Prepend, Replace, ByteLevel or Sequence"
        ),
        (
            part(#""pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}]}"#),
            "t.json: pre_tokenizer.pretokenizers.0 of type 'UnicodeScripts' is not read, "
                + "expected ByteLevel, BertPreTokenizer, Split, CharDelimiterSplit, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation or Sequence"
        ),
        (
            part(#""pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(?<=a)b"}, "behavior": "Isolated", "invert": false}"#),
            "t.json: the pattern '(?<=a)b' holds '(?<=' at character 1, which is not read"
        ),
        (
            part(#""pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "isolated", "invert": false}"#),
            "t.json: pre_tokenizer.behavior has a wrong value, expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous, found 'isolated'"
        ),
        (
            part(#""pre_tokenizer": {"type": "Metaspace", "replacement": ""}"#),
            "t.json: pre_tokenizer.replacement has a wrong value, expected one character, found ''"
        ),
        (
            part(#""added_tokens": [{"id": 1, "content": 7}]"#),
            "t.json: added_tokens.0.content has a wrong value, expected a string, found 7"
        ),
        (
            part(#""added_tokens": [{"id": -1, "content": "x"}]"#),
            "t.json: added_tokens.0.id has a wrong value, expected a whole number from 0 to 2147483647, found -1"
        ),
        (
            part(#""post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}], "special_tokens": {}}"#),
            "t.json: post_processor.special_tokens.<s>.ids has a wrong value, expected a list, found none"
        ),
        (
            part(#""post_processor": {"type": "TemplateProcessing", "single": [], "special_tokens": {}}"#),
            "t.json: post_processor.single has a wrong value, expected the text, once, among special tokens, found a list"
        ),
        (
            #"{"added_tokens": [{"id": 1, "content": "x"}], "model": {"vocab": {"a": 0, "b": 2}, "merges": []}}"#,
            "t.json: the added token 'x' would share the id 2 with 'b'"
        ),
        (
            part(#""decoder": {"type": "CTC"}"#),
            "t.json: decoder of type 'CTC' is not read, expected ByteLevel, ByteFallback, WordPiece, Replace, Strip, Fuse, Metaspace or Sequence"
        ),
        (#"{"model": {}} x"#, "t.json: is not a tokenizer in JSON, expected the end, found byte 14 ('x')"),
        (
            #"{"model": {"vocab": {"\ud800": 0}}}"#,
            "t.json: is not a tokenizer in JSON, expected the second half of a surrogate pair, found byte 28 ('\"')"
        ),
    ])
    func a_wrong_file_gets_one_line(_ json: String, _ expected: String) {
        #expect(Self.problem(Array(json.utf8)) == expected)
    }

    @Test func deep_nesting_is_refused() {
        let deep = String(repeating: #"{"type": "Sequence", "normalizers": ["#, count: 100_000)
        for json in [
            Self.part(#""normalizer": \#(deep)"#), String(repeating: "[", count: 1_000_000),
            #"{"x": \#(String(repeating: "[", count: 1_000_000))"#,
        ] {
            let problem = Self.problem(Array(json.utf8))
            #expect(problem?.contains("nested too deeply") == true || problem?.contains("expected an object") == true)
        }
    }

    @Test func masses_of_values_are_refused() {
        let json = Self.part(#""added_tokens": [\#(String(repeating: "0,", count: 1_100_000))0]"#)
        #expect(Self.problem(Array(json.utf8)) == "t.json: too many values, expected at most 1000000")
    }

    @Test func long_chains_are_refused() {
        func sequence(_ part: String, _ list: String, of step: String) -> [UInt8] {
            Array(
                Self.part(
                    #""\#(part)": {"type": "Sequence", "\#(list)": [\#(Array(repeating: step, count: 60_000).joined(separator: ","))]}"#
                ).utf8)
        }
        #expect(
            Self.problem(sequence("normalizer", "normalizers", of: #"{"type": "Prepend", "prepend": "a"}"#))
                == "t.json: normalizer has too many steps, expected at most 50, found 60000")
        #expect(
            Self.problem(sequence("pre_tokenizer", "pretokenizers", of: #"{"type": "Metaspace", "replacement": "_", "split": false}"#))
                == "t.json: pre_tokenizer has too many steps, expected at most 50, found 60000")
        #expect(
            Self.problem(sequence("decoder", "decoders", of: #"{"type": "Fuse"}"#))
                == "t.json: decoder has too many steps, expected at most 50, found 60000")
    }

    @Test func texts_that_would_take_forever_are_refused() throws {
        func problem(_ members: String, _ text: String) throws -> String {
            let tokenizer = try TokenizerTests.tokenizer(Array(Self.part(members).utf8))
            return try #require(#expect(throws: Problem.self) { try tokenizer.encode(text, addingSpecialTokens: .never) })
                .description
        }
        let words = String(repeating: String(repeating: "a", count: 24) + " ", count: 20_000)
        let split = #"{"type": "Split", "pattern": {"String": " "}, "behavior": "Removed", "invert": false}"#
        let slow = #"{"type": "Split", "pattern": {"Regex": "(?:a|a)*b"}, "behavior": "Removed", "invert": false}"#
        #expect(
            try problem(#""pre_tokenizer": {"type": "Sequence", "pretokenizers": [\#(split), \#(slow)]}"#, words)
                == "t.json: a pattern takes too many steps on this text")
        let grow = #"{"type": "Replace", "pattern": {"Regex": "a"}, "content": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#
        #expect(
            try problem(#""normalizer": {"type": "Sequence", "normalizers": [\#(grow), \#(grow), \#(grow), \#(grow)]}"#, words)
                == "t.json: the normalizer makes the text a hundred times longer")
        let flags = #""single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true"#
        #expect(
            try problem(
                #""added_tokens": [{"id": 1, "content": "\#(String(repeating: "a", count: 999))b", \#(flags)}]"#,
                String(repeating: "a", count: 20_000))
                == "t.json: the added tokens take too many steps on this text")
    }

    @Test(arguments: ["gpt_neox", "gemma"])
    func a_file_that_ends_early_gets_one_line(_ family: String) throws {
        let data = Array(try TokenizerTests.data(family + ".json"))
        for count in stride(from: 0, to: data.count, by: 97) {
            let problem = try #require(Self.problem(data[..<count]))
            #expect(problem.hasPrefix("t.json: ") && !problem.contains("\n") && !problem.contains("another error"))
        }
    }

    @Test func a_damaged_byte_never_traps() throws {
        let data = Array(try TokenizerTests.data("llama3.json"))
        var state: UInt64 = 7
        for _ in 0..<300 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var damaged = data
            damaged[Int(state >> 33) % data.count] = UInt8(truncatingIfNeeded: state >> 20)
            guard let tokenizer = try? TokenizerTests.tokenizer(damaged) else { continue }
            let tokens = (try? tokenizer.encode("a damaged file's 123 tokens\n <|eot_id|> é", addingSpecialTokens: .byTemplate)) ?? []
            _ = tokenizer.decode(tokens)
        }
    }
}
