import TestSupport
import Testing

@testable import Datasets

@Suite struct TokenTests {
    @Test(arguments: ["tokens-i8.npy", "tokens-i4.npy", "tokens-u4.npy", "tokens-u2.npy", "tokens-u1.npy", "tokens-i4.npz"])
    func integersOfTwoDimensionsAreSequences(_ name: String) throws {
        let dataset = try DataFixtures.source(name).open()
        #expect(dataset.allTokens == DataFixtures.expected[name]?.tokens)
        #expect(dataset.predictsNextToken)
    }

    @Test func labelsOfSequencesAreAnswersAtTheirEnd() throws {
        let dataset = try DataFixtures.source("tokens.npz").open()
        #expect(dataset.allTokens == DataFixtures.expected["tokens.npz"]?.tokens)
        #expect(dataset.answers == [7, 8, 9, 10])
        var source = DataFixtures.source("tokens-i8.npy")
        source.labels = DataFixtures.path("answers.npy")
        #expect(try source.open().answers == [4, 3, 2, 1])
        #expect(try source.open().selecting([2, 0]).answers == [2, 4])
        // With labels beside them, bytes are pixels.
        source.path = DataFixtures.path("tokens-u1.npy")
        #expect(try source.open().labels == [4, 3, 2, 1])
    }

    @Test(arguments: [
        ("stream-u2.bin", TokenWidth.uint16), ("stream-u4.bin", .uint32), ("stream-u2.bin.gz", .uint16), ("stream.npy", .uint16),
    ])
    func flatIdsAreCutIntoWindows(_ name: String, _ width: TokenWidth) throws {
        var source = DataFixtures.source(name)
        source.context = 8
        source.tokenWidth = width
        let dataset = try source.open()
        let expected = try #require(DataFixtures.expected[name]?.tokens)
        #expect(dataset.allTokens == expected)
        #expect(dataset.predictsNextToken)
        #expect(dataset.tokens?.maximumLength == 8)
        #expect(dataset.tokens?.length(of: 2) == 7)
        #expect(dataset.selecting([2, 0]).allTokens == [expected[2], expected[0]])
        // 23 = 2 * 11 + 1: the last id alone predicts nothing.
        source.context = 11
        #expect(try source.open().allTokens?.map(\.count) == [11, 11])
        source.context = 100
        #expect(try source.open().allTokens == [Array(expected.joined())])
    }

    @Test func flatIdsThatCannotBeCutAreErrors() {
        var source = DataFixtures.source("stream.npy")
        #expect(problem { try source.open() }?.contains("a context length cuts them into sequences") == true)
        source.context = 1
        #expect(problem { try source.open() }?.contains("the context is too short, expected 2 or more, found 1") == true)
        source.context = -3
        #expect(problem { try source.open() }?.contains("too short") == true)
        source.context = .max
        #expect(problem { try source.open() } == nil)
        #expect(
            problem { try openDataset([1, 2, 3], path: "a.bin", context: 4) }?.contains(
                "expected a multiple of 2 bytes for uint16, found 3") == true)
        #expect(
            problem { try openDataset([1, 2], path: "a.bin", context: 4) }?.contains("too few token ids, expected 2 or more, found 1")
                == true)
        let wide = DatasetSource(path: "a.bin", context: 4, tokenWidth: .uint32)
        let text = problem { try wide.open(DataFile(guardedRegion([1, 0, 0, 0, 0, 0, 0, 0x80]), path: "a.bin")) }
        #expect(text == "a.bin: no token id at position 1 of sample 0, expected 0 to 2147483647, found 2147483648")
    }

    @Test func sequencesKeepTheirLength() throws {
        var source = DataFixtures.source("tokens-i8.npy")
        source.context = 5
        #expect(problem { try source.open() } == nil)
        source.context = 4
        #expect(problem { try source.open() }?.contains("the context length: cannot cut sequences that already have a length") == true)
        source.context = nil
        source.normalization = Normalization(means: [0], deviations: [1])
        #expect(problem { try source.open() }?.contains("the normalization: is for values") == true)
    }

    @Test func textGoesThroughTheTokenizer() throws {
        var source = DataFixtures.source("text.txt")
        source.context = 6
        #expect(problem { try source.open() }?.hasSuffix("text needs a tokenizer, and the checkpoint has no tokenizer.json") == true)
        source.tokenize = { $0.unicodeScalars.map { Int32($0.value) } }
        let scalars = "Grüße, 世界 🙂\nsecond line\n".unicodeScalars.map { Int32($0.value) }
        let dataset = try source.open()
        #expect(dataset.allTokens?.flatMap { $0 } == scalars)
        #expect(dataset.allTokens?.map(\.count) == [6, 6, 6, 6])
        #expect(dataset.predictsNextToken)
        source.context = nil
        #expect(problem { try source.open() }?.contains("a context length cuts") == true)
        source.context = 4
        source.tokenize = { _ in [5, -1] }
        #expect(problem { try source.open() }?.contains("a negative token id at position 1") == true)
        source.labels = "labels"
        #expect(problem { try source.open() }?.contains("the file of labels: does not apply to text") == true)
    }

    @Test func textThatIsNoUTF8IsRefusedAtItsByte() {
        let text = problem { try DataFixtures.source("bad-text.txt").open() }
        #expect(text?.hasSuffix("not UTF-8 text, expected a character, found a bad byte at 7") == true, "\(text ?? "")")
        #expect(problem { try openDataset([0x61, 0xED, 0xA0, 0x80], path: "a.txt", context: 2) }?.contains("byte at 1") == true)
        #expect(problem { try openDataset([0x61, 0x62, 0xF0, 0x9F], path: "a.txt", context: 2) }?.contains("byte at 2") == true)
        #expect(problem { try openDataset([0x61, 0x62], path: "A.TXT", context: 2) } == nil)
    }
}
