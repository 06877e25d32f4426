import Archives
import Foundation
import TestSupport
import Testing

@testable import Pictures

/// PNG files, decoded by a reader that is written from the standards and checked with Pillow's files.
struct PNGTests {
    private static func colour(_ x: Int, _ y: Int) -> [UInt8] {
        [7 * x + 3 * y, 5 * x ^ 11 * y, x * y, 255 - 9 * x].map { UInt8(truncatingIfNeeded: $0) }
    }

    private static func fixture(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: Fixtures.path(name))))
    }

    private static func pixels(_ bytes: [[UInt8]]) -> [RasterImage.Pixel] {
        bytes.map { RasterImage.Pixel(red: $0[0], green: $0[1], blue: $0[2], alpha: $0[3]) }
    }

    @Test func theReaderReadsPillowsFiles() throws {
        let colours = try PNGReader(try Self.fixture("pictures/colours.png"))
        #expect((colours.width, colours.height) == (37, 23))
        #expect(colours.pixels == (0..<23).flatMap { y in (0..<37).map { x in Self.colour(x, y) } })
        let palette = try PNGReader(try Self.fixture("pictures/palette.png"))
        let expected = (0..<23).flatMap { y in
            (0..<37).map { x -> [UInt8] in
                let index = (x * x + y) % 13
                return [10 * index, 20 * index, 30 * index, 255].map { UInt8(truncatingIfNeeded: $0) }
            }
        }
        #expect(palette.pixels == expected)
    }

    @Test(arguments: [(1, 1), (37, 23), (200, 3), (1, 300)])
    func coloursComeBack(width: Int, height: Int) throws {
        for opaque in [true, false] {
            var bytes = (0..<height).flatMap { y in (0..<width).map { x in Self.colour(x, y) } }
            if opaque { for index in bytes.indices { bytes[index][3] = 255 } }
            // A colour whose alpha is 254 makes all four channels necessary, even of one pixel.
            if !opaque { bytes[0][3] = 254 }
            let image = RasterImage(width: width, height: height, pixels: .colours(Self.pixels(bytes)))
            let read = try PNGReader(try PNG.bytes(of: image))
            #expect(read.chunks == ["IHDR", "IDAT", "IEND"])
            #expect((read.width, read.height, read.colourType) == (width, height, opaque ? 2 : 6))
            #expect(read.pixels == bytes)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 256])
    func palettesComeBack(count: Int) throws {
        let palette: [RasterImage.Pixel] = (0..<count).map { (index: Int) -> RasterImage.Pixel in
            let alpha: UInt8 = index % 3 == 1 ? 128 : 255
            return RasterImage.Pixel(red: UInt8(index), green: UInt8(255 - index), blue: 9, alpha: alpha)
        }
        for width in [1, 7, 8, 33] {
            let indices = (0..<width * 11).map { UInt8($0 * $0 % count) }
            let image = RasterImage(width: width, height: 11, pixels: .palette(palette, indices: indices))
            let read = try PNGReader(try PNG.bytes(of: image))
            let depth: Int = count <= 2 ? 1 : count <= 4 ? 2 : count <= 16 ? 4 : 8
            #expect(read.depth == depth)
            #expect(read.chunks == (count > 1 ? ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"] : ["IHDR", "PLTE", "IDAT", "IEND"]))
            #expect(Self.pixels(read.pixels) == indices.map { palette[Int($0)] })
        }
    }

    @Test func smoothColoursAreFilteredAndTheSameBytesComeAgain() throws {
        let pixels: [RasterImage.Pixel] = (0..<64 * 64).map { (index: Int) -> RasterImage.Pixel in
            RasterImage.Pixel(red: UInt8(index % 64 * 3), green: UInt8(index / 64 * 2), blue: 200)
        }
        let image = RasterImage(width: 64, height: 64, pixels: .colours(pixels))
        let file = try PNG.bytes(of: image)
        #expect(file.count < 400)
        #expect(try PNG.bytes(of: image) == file)
    }

    @Test func theChecksumsAreThoseOfTheStandards() {
        // The check values from catalogues of checksums.
        #expect(PNG.checksum(Array("123456789".utf8)[...]) == 0xCBF4_3926)
        #expect(ZlibStream.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
        #expect(ZlibStream.adler32([UInt8](repeating: 255, count: 1 << 20)) == 0x8E88_EF11)
    }

    @Test(arguments: [0, 1, 100, 5551, 5552, 5553, 1 << 17])
    func streamsAreInflatedAgain(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        let stream = try ZlibStream.compressed(bytes)
        #expect(try PNGReader.inflated(stream) == bytes)
        if count > 1000 { #expect(stream.count < count) }
    }
}
