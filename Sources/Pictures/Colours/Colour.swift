/// A colour of the sRGB space, 8 bits a channel.
package struct Colour: Hashable, Sendable {
    package var red: UInt8
    package var green: UInt8
    package var blue: UInt8

    package init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// From six hexadecimal digits as a number: `Colour(0x0072B2)`.
    package init(_ digits: UInt32) {
        self.init(red: UInt8(digits >> 16 & 0xFF), green: UInt8(digits >> 8 & 0xFF), blue: UInt8(digits & 0xFF))
    }

    /// The colour with a share of another one, channel by channel.
    func mixed(with other: Colour, share: Double) -> Colour {
        func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) + (Double(b) - Double(a)) * share).rounded()) }
        return Colour(red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }

    /// As CSS writes it: `#0072b2`.
    package var hexadecimal: String {
        var text = "#"
        for channel in [red, green, blue] {
            text += channel < 16 ? "0" : ""
            text += String(channel, radix: 16)
        }
        return text
    }
}
