import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Datasets

/// Unigram and WordLevel tokenizers, and the normalizers that come with them, against the package `tokenizers`.
@Suite struct UnigramTests {
    @Test(arguments: ["unigram", "unigram_albert", "unigram_bytes", "wordlevel"])
    func tokenizersGiveTheIdsOfTheTokenizersPackage(_ name: String) throws {
        let tokenizer = try TokenizerTests.tokenizer(TokenizerTests.data(name + ".json"))
        let texts = try JSONDecoder().decode([String].self, from: TokenizerTests.data("unigram_texts.json"))
        let expected = try JSONSerialization.jsonObject(with: TokenizerTests.data(name + ".expected.json")) as? [[Any]] ?? []
        try #require(texts.count == expected.count && texts.count > 100)
        for (text, values) in zip(texts, expected) {
            let ids = try #require(values[0] as? [Int]).map(Int32.init)
            #expect(try tokenizer.encode(text, addingSpecialTokens: .never) == ids, "\(text.debugDescription)")
            if let all = values[1] as? [Int] { #expect(try tokenizer.encode(text, addingSpecialTokens: .byTemplate).map(Int.init) == all) }
        }
    }

    /// Every scalar between two letters, and after a letter with a mark below, in blocks of 4096.
    @Test(arguments: ["NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Nmt", "Lowercase"])
    func everyScalarIsNormalizedAsInTheTokenizersPackage(_ name: String) throws {
        let digests = try JSONDecoder().decode([String: [String]].self, from: TokenizerTests.data("normalizer_scalars.json"))
        let expected = try #require(digests[name])
        try #require(expected.count == 0x110000 / 4096)
        var patterns = PatternList()
        let section = JSONSection(value: .object([.init(name: "type", value: .string(name))]), place: "normalizer")
        let normalizer = try Normalizer(section, patterns: &patterns)
        var matcher = patterns.matcher()
        for (block, digest) in expected.enumerated() {
            var found = ContentDigest()
            for value in UInt32(block * 4096)..<UInt32(block * 4096 + 4096) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                var text = Normalizer.Text(bytes: Array("a\(scalar)b\na\u{323}\(scalar)".utf8), startsWholeText: true)
                try normalizer.apply(to: &text, patterns, &matcher)
                text.bytes.withUnsafeBytes { found.update($0) }
            }
            #expect(found.hexadecimal.hasPrefix(digest), "U+\(String(block * 4096, radix: 16)) and after")
        }
    }

    /// Worked by hand: the two ways through `abc` are a + bc = -3 and ab + c = -2.5.
    @Test func theBestSumWins() throws {
        func tokenizer(_ vocabulary: String, _ more: String = #","unk_id":0"#) throws -> Tokenizer {
            try TokenizerTests.tokenizer(Array((#"{"model":{"type":"Unigram","vocab":"# + vocabulary + more + "}}").utf8))
        }
        let known = try tokenizer(#"[["<u>",0],["a",-1],["bc",-2],["ab",-1.5],["c",-1],["b",-9]]"#)
        #expect(try known.encode("abc", addingSpecialTokens: .never) == [3, 4])
        // Neighbouring unknown characters are one token.
        #expect(try known.encode("axyza", addingSpecialTokens: .never) == [1, 0, 1])
        let unnamed = try tokenizer(#"[["a",-1]]"#, "")
        #expect(try unnamed.encode("aa", addingSpecialTokens: .never) == [0, 0])
        #expect(throws: Problem.self) { try unnamed.encode("b", addingSpecialTokens: .never) }
    }

    @Test(arguments: [
        #"{"model":{"type":"Unigram","vocab":[]}}"#, #"{"model":{"type":"Unigram","vocab":[["a"]]}}"#,
        #"{"model":{"type":"Unigram","vocab":[["a",-1,2]]}}"#, #"{"model":{"type":"Unigram","vocab":[["a","b"]]}}"#,
        #"{"model":{"type":"Unigram","vocab":[["a",-1],["a",-2]]}}"#, #"{"model":{"type":"Unigram","vocab":[["a",-1]],"unk_id":1}}"#,
        #"{"model":{"type":"Unigram","vocab":{"a":0}}}"#, #"{"model":{"type":"WordLevel","vocab":[["a",-1]],"unk_token":"a"}}"#,
        #"{"model":{"type":"Unigram","vocab":[["a",-1]]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"%%"}}"#,
        #"{"model":{"type":"Unigram","vocab":[["a",-1]]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="}}"#,
        #"{"model":{"type":"Unigram","vocab":[["a",-1]]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAA="}}"#,
    ])
    func damagedFilesAreRefused(_ json: String) {
        #expect(throws: Problem.self) { try TokenizerTests.tokenizer(Array(json.utf8)) }
    }

    /// A table whose links lead anywhere replaces nothing or something, and never traps.
    @Test func damagedTablesNeverTrap() throws {
        var file = String(decoding: try TokenizerTests.data("unigram.json"), as: UTF8.self)
        let start = try #require(file.range(of: "precompiled_charsmap\":\"")).upperBound
        for place in stride(from: 0, to: 1_000, by: 7) {
            let index = file.index(start, offsetBy: place)
            guard file[index] != "=", file[index] != "\"" else { continue }
            file.replaceSubrange(index...index, with: ["A", "/", "k", "Z"][place % 4])
            guard let tokenizer = try? TokenizerTests.tokenizer(Array(file.utf8)) else { continue }
            _ = try? tokenizer.encode("ﬁＡa\u{300}\r\n½ｶﾞ abc", addingSpecialTokens: .never)
        }
    }
}
