import Testing

@testable import Pictures

@Suite struct ColourTests {
    @Test func magnitudesGrowLighterEvenly() {
        let lightness = ColourMap.sequentialTable.map { OKLab.values(of: $0).lightness }
        for (before, after) in zip(lightness, lightness.dropFirst()) { #expect(after > before - 0.003) }
        for (index, value) in lightness.enumerated() { #expect(abs(value - (0.27 + 0.65 * Double(index) / 255)) < 0.01) }
    }

    @Test func signedValuesMeetAtTheGround() {
        let ground = Palette.themes(of: .ground)!
        #expect(ColourMap.diverging(0) == ground)
        #expect(ColourMap.diverging(.nan) == ground)
        #expect(ColourMap.diverging(1).light.red > ColourMap.diverging(1).light.blue)
        #expect(ColourMap.diverging(-1).light.blue > ColourMap.diverging(-1).light.red)
    }

    /// WCAG 2.1, level AA.
    @Test func textCanBeReadInBothThemes() {
        let ground = Palette.themes(of: .ground)!
        for paint in [Paint.ink, .faint] {
            let colours = Palette.themes(of: paint)!
            #expect(Contrast.ratio(colours.light, ground.light) >= 4.5 && Contrast.ratio(colours.dark, ground.dark) >= 4.5)
        }
        for scheme in [HeatMap.Scheme.sequential, .diverging] {
            let scale = HeatScale(range: -1...1, scheme: scheme)
            for value in stride(from: -1, through: 1, by: 0.01) {
                let (cell, ink) = (Palette.themes(of: scale.paint(value))!, Palette.themes(of: scale.inkPaint(on: value))!)
                #expect(Contrast.ratio(cell.light, ink.light) >= 4.5 && Contrast.ratio(cell.dark, ink.dark) >= 4.5)
            }
        }
    }

    /// A distance of 0.05 in OKLab is several times the smallest visible difference.
    @Test func clustersDifferFromEachOtherAndFromTheGround() {
        func distance(_ first: Colour, _ second: Colour) -> Double {
            let (a, b) = (OKLab.values(of: first), OKLab.values(of: second))
            let squares = [a.lightness - b.lightness, a.a - b.a, a.b - b.b].map { $0 * $0 }
            return squares.reduce(0, +).squareRoot()
        }
        let ground = Palette.themes(of: .ground)!
        for first in 0..<10 {
            for second in 0..<first {
                let (a, b) = (Palette.themes(of: .cluster(first))!, Palette.themes(of: .cluster(second))!)
                #expect(distance(a.light, b.light) > 0.05 && distance(a.dark, b.dark) > 0.05, "\(first) \(second)")
            }
            let colours = Palette.themes(of: .cluster(first))!
            #expect(distance(colours.light, ground.light) > 0.1 && distance(colours.dark, ground.dark) > 0.1)
        }
        // Beyond the ten come the same hues darker, each unlike the lighter one, and then all of them again.
        for first in 10..<20 {
            let (own, lighter) = (Palette.themes(of: .cluster(first))!, Palette.themes(of: .cluster(first - 10))!)
            #expect(distance(own.light, lighter.light) > 0.1 && distance(own.dark, lighter.dark) > 0.1, "\(first)")
            #expect(distance(own.light, ground.light) > 0.1 && distance(own.dark, ground.dark) > 0.1, "\(first)")
        }
        #expect(Palette.themes(of: .cluster(23))! == Palette.themes(of: .cluster(3))!)
        #expect(Palette.themes(of: .cluster(-1))! == Palette.themes(of: .cluster(19))!)
    }

    /// Published values of Ottosson's transform: sRGB red, green and blue.
    @Test func labAgreesWithItsAuthor() {
        let cases: [(UInt32, Double, Double, Double)] = [
            (0xFF0000, 0.62796, 0.22486, 0.12585), (0x00FF00, 0.86644, -0.23389, 0.17950), (0x0000FF, 0.45201, -0.03246, -0.31153),
            (0xFFFFFF, 1, 0, 0),
        ]
        for (digits, lightness, a, b) in cases {
            let values = OKLab.values(of: Colour(digits))
            #expect(abs(values.lightness - lightness) < 1e-4 && abs(values.a - a) < 1e-4 && abs(values.b - b) < 1e-4)
            #expect(OKLab.colour(values) == Colour(digits))
        }
    }
}
