/// An image of pixels: what an SVG embeds where marks would be too many.
package struct RasterImage: Sendable, Equatable {
    /// The colour of a pixel; `alpha` 0 is transparent.
    package struct Pixel: Sendable, Hashable {
        package var red: UInt8
        package var green: UInt8
        package var blue: UInt8
        package var alpha: UInt8

        package init(red: UInt8, green: UInt8, blue: UInt8, alpha: UInt8 = 255) {
            self.red = red
            self.green = green
            self.blue = blue
            self.alpha = alpha
        }

        package init(_ colour: Colour, alpha: UInt8 = 255) {
            self.init(red: colour.red, green: colour.green, blue: colour.blue, alpha: alpha)
        }

        /// Nothing: the ground shows.
        package static let transparent = Pixel(red: 0, green: 0, blue: 0, alpha: 0)
    }

    /// What the pixels are, row by row from the top.
    package enum Pixels: Sendable, Equatable {
        /// A colour each.
        case colours([Pixel])
        /// Indices into a palette of 1 to 256 colours: a third of the bytes, and a map's levels as they are.
        case palette([Pixel], indices: [UInt8])
    }

    package let width: Int
    package let height: Int
    package let pixels: Pixels

    package init(width: Int, height: Int, pixels: Pixels) {
        precondition(width > 0 && height > 0, "an image of \(width) x \(height)")
        switch pixels {
        case .colours(let colours):
            precondition(colours.count == width * height, "\(colours.count) pixels for \(width) x \(height)")
        case .palette(let palette, let indices):
            precondition(indices.count == width * height, "\(indices.count) pixels for \(width) x \(height)")
            precondition((1...256).contains(palette.count), "\(palette.count) colours")
            precondition(indices.allSatisfy { $0 < palette.count }, "an index beyond \(palette.count) colours")
        }
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// A matrix in the colours of a map: `range`'s lower bound is the palette's first colour, its upper bound the last.
    ///
    /// Values outside of the range count as its nearest bound, infinite ones too. A cell without a value is `missing`.
    ///
    /// - Parameter palette: 1 to 255 colours, evenly over the range.
    package init(_ matrix: ReducedMatrix, range: ClosedRange<Float>, palette: [Colour], missing: Pixel) {
        precondition((1...255).contains(palette.count), "\(palette.count) colours")
        let last = Float(palette.count - 1)
        let span = range.upperBound - range.lowerBound
        let scale = span > 0 && span.isFinite ? Float(palette.count) / span : 0
        let none = UInt8(palette.count)
        let indices = matrix.values.map { value -> UInt8 in
            if value.isNaN { return none }
            guard scale > 0 else { return 0 }
            let clamped = min(max(value, range.lowerBound), range.upperBound)
            return UInt8(min(max(((clamped - range.lowerBound) * scale).rounded(.down), 0), last))
        }
        self.init(width: matrix.width, height: matrix.height, pixels: .palette(palette.map { Pixel($0) } + [missing], indices: indices))
    }
}
