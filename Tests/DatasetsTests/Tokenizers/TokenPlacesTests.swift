import Archives
import Foundation
import TestSupport
import Testing

@testable import Datasets

/// The places of tokens in a text, compared with the tokenizers package.
@Suite struct TokenPlacesTests {
    private static func folder(_ name: String) -> URL { URL(fileURLWithPath: Fixtures.path("tokenizers/" + name)) }

    private static func tokenizer(_ family: String) throws -> Tokenizer {
        try Tokenizer(ByteRegion(copying: Array(Data(contentsOf: folder(family + ".json")))), path: family)
    }

    private func trimmed(_ range: Range<Int>, _ scalars: [Unicode.Scalar]) -> [Int] {
        // Python counts the separators among control characters too.
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value) }
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isSpace(scalars[start]) { start += 1 }
        while end > start, isSpace(scalars[end - 1]) { end -= 1 }
        return [start, end]
    }

    @Test(arguments: ["gpt2", "gpt_neox", "llama3", "qwen2", "llama", "llama_legacy", "gemma", "bert", "bert_cased"])
    func placesAreThoseOfThePackage(family: String) throws {
        let texts = try JSONDecoder().decode([String].self, from: Data(contentsOf: Self.folder("texts.json")))
        let all = try JSONDecoder().decode([String: [[[Int]]]].self, from: Data(contentsOf: Self.folder("places.json")))
        let expected = try #require(all[family])
        let tokenizer = try Self.tokenizer(family)
        var (count, wrong, wider) = (0, 0, 0)
        for (text, places) in zip(texts, expected) {
            let scalars = Array(text.unicodeScalars)
            let pieces = try tokenizer.pieces(of: text, addingSpecialTokens: .never)
            #expect(pieces.map(\.id) == (try tokenizer.encode(text, addingSpecialTokens: .never)))
            try #require(pieces.count == places.count)
            for (piece, place) in zip(pieces, places) {
                let range = try #require(piece.range)
                #expect(range.lowerBound >= 0 && range.upperBound <= scalars.count)
                let found = trimmed(range, scalars)
                // A space that the tokenizer put before the text has no character, and of nothing but white space it matters not where it is.
                if found[0] == found[1] { continue }
                count += 1
                // The package gives a character that was composed only one of its parts.
                if found[0] > place[0] || found[1] < place[1] { wrong += 1 }
                if found != place { wider += 1 }
            }
        }
        #expect(count > 500)
        // A word that the vocabulary lacks may be divided where the package does not divide it.
        #expect(wrong * 500 <= count && wider * 12 <= count, "\(wrong) wrong and \(wider) wider of \(count)")
    }

    @Test func specialTokensAreMarkedAndHaveNoPlaceUnlessTheyAreInTheText() throws {
        let pieces = try Self.tokenizer("llama3").pieces(of: "a<|eot_id|>b", addingSpecialTokens: .byTemplate)
        #expect(pieces.map(\.entry) == ["<|begin_of_text|>", "a", "<|eot_id|>", "b"])
        #expect(pieces.map(\.isSpecial) == [true, false, true, false])
        #expect(pieces.map(\.range) == [nil, 0..<1, 1..<11, 11..<12])
    }
}
