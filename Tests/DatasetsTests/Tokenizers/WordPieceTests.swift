import Archives
import Foundation
import TestSupport
import Testing
import Text

@testable import Datasets

/// BERT's tokenizers beyond the texts that all families are compared on.
struct WordPieceTests {
    /// Every scalar of Unicode between two letters: removed, a space, punctuation, or part of a word that is not known.
    @Test func everyScalarIsTreatedAsInTheTokenizersPackage() throws {
        let content = try #require(
            try JSONSerialization.jsonObject(with: TokenizerTests.data("bert_scalars.json")) as? [String: Any])
        let json = try JSONSerialization.data(withJSONObject: try #require(content["tokenizer"]))
        let tokenizer = try TokenizerTests.tokenizer(json)
        let ranges = try #require(content["ranges"] as? [[Any]])
        try #require(ranges.count > 500)
        for row in ranges {
            let (first, last) = (try #require(row[0] as? UInt32), try #require(row[1] as? UInt32))
            let expected = try #require(row[2] as? [Int]).map(Int32.init)
            let scalars = (first...last).compactMap(Unicode.Scalar.init)
            // Words that follow each other do not change each other; a few hundred at a time.
            for start in stride(from: 0, to: scalars.count, by: 512) {
                let part = scalars[start..<min(scalars.count, start + 512)]
                let text = part.map { "a\(String(Character($0)))b" }.joined(separator: " ")
                let ids = try tokenizer.encode(text, addingSpecialTokens: .never)
                guard ids != Array(repeating: expected, count: part.count).flatMap({ $0 }) else { continue }
                for scalar in part {
                    let own = try tokenizer.encode("a\(String(Character(scalar)))b", addingSpecialTokens: .never)
                    #expect(own == expected, "U+\(String(scalar.value, radix: 16))")
                }
            }
        }
    }

    @Test func longWordsAndUnknownPiecesAreUnknownAsAWhole() throws {
        func tokenizer(_ vocabulary: String) throws -> Tokenizer {
            let model =
                ###"{"type":"WordPiece","unk_token":"[U]","continuing_subword_prefix":"##","max_input_chars_per_word":4,"vocab":"###
                + vocabulary + "}"
            let json = #"{"model":"# + model + #","pre_tokenizer":{"type":"BertPreTokenizer"}}"#
            return try TokenizerTests.tokenizer(Array(json.utf8))
        }
        let known = try tokenizer(###"{"[U]":0,"a":1,"##a":2,"##aa":3,"ab":4}"###)
        func ids(_ text: String) throws -> [Int32] { try known.encode(text, addingSpecialTokens: .never) }
        #expect(try ids("aaa") == [1, 3])
        #expect(try ids("aaaa a") == [1, 3, 2, 1])
        #expect(try ids("aaaaa") == [0])
        #expect(try ids("abc ab") == [0, 4])
        let unnamed = try tokenizer(#"{"a":1}"#)
        #expect(throws: Problem.self) { try unnamed.encode("b", addingSpecialTokens: .never) }
    }
}
