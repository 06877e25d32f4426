import Testing

@testable import Pictures

/// Widths compared with the fonts themselves: the values are those that `fixtures/measure_text.py FONTS --check TEXT 12` prints.
struct TextWidthTests {
    static let measured: [(text: String, bold: Bool, liberation: Double, dejaVu: Double)] = [
        ("fc2.weight, k = 4: clusterability 0.9999", false, 199.775390625, 233.876953125),
        ("fc2.weight, k = 4: clusterability 0.9999", true, 213.76171875, 263.677734375),
        ("Ωμέγα", false, 34.171875, 38.302734375),
        ("жёлтый", false, 42.52734375, 50.126953125),
        ("жёлтый", true, 46.306640625, 55.083984375),
        ("שלום", false, 0, 26.5546875),
        ("→ ≤ × … –", false, 57.603515625, 63.421875),
    ]

    @Test(arguments: measured)
    func holdsTheWiderOfTwoFontsAndLittleMore(_ sample: (text: String, bold: Bool, liberation: Double, dejaVu: Double)) {
        let measured = TextWidth.width(of: sample.text, size: 12, bold: sample.bold)
        #expect(measured >= max(sample.liberation, sample.dejaVu))
        #expect(measured <= 1.06 * max(sample.liberation, sample.dejaVu))
    }

    @Test func growsWithTheSize() {
        #expect(TextWidth.width(of: "layer", size: 24) == 2 * TextWidth.width(of: "layer", size: 12))
        #expect(TextWidth.width(of: "", size: 12) == 0)
    }

    @Test func combiningMarksAddNothing() {
        // Hebrew with and without its vowels.
        #expect(TextWidth.width(of: "שָׁלוֹם", size: 10) == TextWidth.width(of: "שלום", size: 10))
        #expect(TextWidth.width(of: "x\u{301}\u{302}", size: 10) == TextWidth.width(of: "x", size: 10))
    }

    @Test func otherScriptsHaveTheWidthOfTheirKind() {
        #expect(TextWidth.width(of: "層の重み", size: 10) == 40)
        #expect(TextWidth.width(of: "가중치", size: 10) == 30)
        // One picture of seven scalars.
        #expect(TextWidth.width(of: "👩‍👩‍👧‍👦", size: 10) == TextWidth.width(of: "🙂", size: 10))
        #expect(TextWidth.width(of: "\u{1}", size: 10) > 0)
    }

    @Test(arguments: [0.0, 3, 10, 11, 12, 13, 20, 50, 99.5, 100, 1e9, -5])
    func shortenedTextsFit(limit: Double) {
        for text in ["transformer.h.11.mlp.c_fc.weight", String(repeating: "w", count: 300), "שלום עולם", "层的重量和名称", "", "a"] {
            for bold in [false, true] {
                let short = text.shortened(toWidth: limit, size: 12, bold: bold)
                #expect(TextWidth.width(of: short, size: 12, bold: bold) <= max(limit, 0))
                if TextWidth.width(of: text, size: 12, bold: bold) <= limit { #expect(short == text) }
            }
        }
    }

    @Test func bothEndsOfANameStay() {
        let short = "transformer.h.11.mlp.c_fc.weight".shortened(toWidth: 120, size: 12)
        #expect(short.hasPrefix("transf"))
        #expect(short.hasSuffix("weight"))
        #expect(short.filter { $0 == "…" }.count == 1)
        #expect(TextWidth.width(of: short, size: 12) > 100)
    }

    @Test func aTextOfMegabytesIsShortenedAtOnce() {
        let short = String(repeating: "name.", count: 1_000_000).shortened(toWidth: 100, size: 12)
        #expect(short.count < 20)
    }
}
