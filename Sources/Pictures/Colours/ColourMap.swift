import Glibc

/// Colours for numbers.
package enum ColourMap {
    /// The colour of a magnitude from 0 to 1 (what lies outside is cut, NaN counts as 0): from deep violet over teal to yellow.
    package static func sequential(_ share: Double) -> Colour {
        let place = (share.isNaN ? 0 : min(max(share, 0), 1)) * Double(sequentialTable.count - 1)
        return sequentialTable[Int(place.rounded())]
    }

    /// The colours of a signed value from -1 to 1 (what lies outside is cut, NaN counts as 0): blue over the ground of each theme
    /// to red.
    package static func diverging(_ value: Double) -> (light: Colour, dark: Colour) {
        let value = value.isNaN ? 0 : min(max(value, -1), 1)
        let step = Int((abs(value) * 127).rounded())
        return value < 0 ? divergingTables.blue[step] : divergingTables.red[step]
    }

    /// 256 colours whose OKLab lightness rises evenly from 0.27 to 0.92 while the hue turns from 300 to 105 degrees; chroma is
    /// 0.13, less where the screen cannot show that much at this lightness and hue.
    static let sequentialTable: [Colour] = (0..<256).map { index in
        let share = Double(index) / 255
        return OKLab.colour(lightness: 0.27 + 0.65 * share, chroma: 0.13 + 0.04 * share, hue: 300 - 195 * share)
    }

    /// 128 steps from the ground of each theme to blue and to red, along straight lines in OKLab.
    private static let divergingTables: (blue: [(light: Colour, dark: Colour)], red: [(light: Colour, dark: Colour)]) = {
        let ground = Palette.themes(of: .ground)!
        func table(_ light: Colour, _ dark: Colour) -> [(light: Colour, dark: Colour)] {
            (0..<128).map { step in
                let share = Double(step) / 127
                return (OKLab.mixed(ground.light, light, share), OKLab.mixed(ground.dark, dark, share))
            }
        }
        return (table(Colour(0x1F5FA8), Colour(0x5AA2F0)), table(Colour(0xB2182B), Colour(0xF0655A)))
    }()
}

/// Björn Ottosson's OKLab, in which equal distances look equally large.
enum OKLab {
    struct Values: Hashable {
        var lightness: Double
        var a: Double
        var b: Double
    }

    /// The intensity of a channel of sRGB.
    static func linear(_ channel: UInt8) -> Double {
        let value = Double(channel) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }

    static func values(of colour: Colour) -> Values {
        let (red, green, blue) = (linear(colour.red), linear(colour.green), linear(colour.blue))
        let l = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
        let m = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
        let s = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
        return Values(
            lightness: 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
            a: 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            b: 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s)
    }

    /// Linear sRGB, which lies outside 0...1 where the screen cannot show the colour.
    private static func linear(_ values: Values) -> [Double] {
        func cube(_ value: Double) -> Double { value * value * value }
        let l = cube(values.lightness + 0.3963377774 * values.a + 0.2158037573 * values.b)
        let m = cube(values.lightness - 0.1055613458 * values.a - 0.0638541728 * values.b)
        let s = cube(values.lightness - 0.0894841775 * values.a - 1.2914855480 * values.b)
        return [
            4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
        ]
    }

    static func colour(_ values: Values) -> Colour {
        let channels = linear(values).map { value -> UInt8 in
            let bounded = min(max(value, 0), 1)
            let encoded = bounded <= 0.0031308 ? 12.92 * bounded : 1.055 * pow(bounded, 1 / 2.4) - 0.055
            return UInt8((encoded * 255).rounded())
        }
        return Colour(red: channels[0], green: channels[1], blue: channels[2])
    }

    /// The colour of a lightness and a hue (degrees), with as much of the chroma as the screen can show.
    static func colour(lightness: Double, chroma: Double, hue: Double) -> Colour {
        let angle = hue * .pi / 180
        var chroma = chroma
        while chroma > 0 {
            let values = Values(lightness: lightness, a: chroma * cos(angle), b: chroma * sin(angle))
            if linear(values).allSatisfy({ $0 >= 0 && $0 <= 1 }) { return colour(values) }
            chroma -= 0.0025
        }
        return colour(Values(lightness: lightness, a: 0, b: 0))
    }

    static func mixed(_ first: Colour, _ second: Colour, _ share: Double) -> Colour {
        let (from, to) = (values(of: first), values(of: second))
        return colour(
            Values(
                lightness: from.lightness + share * (to.lightness - from.lightness), a: from.a + share * (to.a - from.a),
                b: from.b + share * (to.b - from.b)))
    }
}
