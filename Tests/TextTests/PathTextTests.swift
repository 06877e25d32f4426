import Testing

@testable import Text

@Suite struct PathTextTests {
    @Test(
        arguments: [
            (Array("a b/ü.pt".utf8), "a b/ü.pt"), ([0x61, 0xFF, 0x62], "a\\xFFb"), (Array("a\\xFF".utf8), "a\\\\xFF"), ([], ""),
            ([0xC3], "\\xC3"), ([0xC3, 0xA4], "ä"), ([0xF0, 0x9F, 0x98], "\\xF0\\x9F\\x98"), ([0x0A, 0x80], "\n\\x80"),
            ([0xED, 0xA0, 0x80], "\\xED\\xA0\\x80"), ([0x0D, 0x0A, 0x5C], "\r\n\\\\"),
        ] as [([UInt8], String)])
    func namesOfAnyBytesHaveTexts(bytes: [UInt8], text: String) {
        #expect(PathText.text(bytes) == text)
        #expect(PathText.bytes(text) == bytes)
    }

    /// Text of two bytes each: no two names share a text, and each text leads back.
    @Test func noTwoNamesHaveOneText() {
        var texts: Set<[UInt8]> = []
        var count = 0
        for first in UInt8.min...UInt8.max {
            for second in stride(from: UInt8.min, through: 250, by: 5) + [0x5C, 0x78, 0x41, 0x80, 0xBF] {
                let bytes = [first, second]
                let text = PathText.text(bytes)
                #expect(PathText.bytes(text) == bytes)
                if texts.insert(Array(text.utf8)).inserted { count += 1 }
            }
        }
        // The 51 multiples of five, and 92, 128 and 191: 120 and 65 are among them.
        #expect(count == 256 * 54)
    }

    @Test(arguments: ["\\", "\\x", "\\x4", "\\x41", "\\xff", "\\n", "a\\xG0", "\\xC3\\xA4"])
    func textThatNoNameHasIsRefused(text: String) { #expect(PathText.bytes(text) == nil) }

    @Test func onlyNamesInUTF8ArePlain() {
        #expect(PathText.plain("a\\\\b") == "a\\b")
        #expect(PathText.plain("a\\xFF") == nil)
    }
}
