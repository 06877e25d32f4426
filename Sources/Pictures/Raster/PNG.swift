import Archives
import Text

/// The bytes of a PNG file, ISO 15948: the image, and nothing else that would differ from run to run.
package enum PNG {
    /// The file of an image. Palettes of few colours take less than a byte a pixel.
    ///
    /// - Throws: ``Problem`` where memory is short.
    package static func bytes(of image: RasterImage) throws(Problem) -> [UInt8] {
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        switch image.pixels {
        case .palette(let palette, let indices):
            let depth = palette.count <= 2 ? 1 : palette.count <= 4 ? 2 : palette.count <= 16 ? 4 : 8
            append("IHDR", header(image, depth: UInt8(depth), colourType: 3), to: &file)
            append("PLTE", palette.flatMap { [$0.red, $0.green, $0.blue] }, to: &file)
            if let last = palette.lastIndex(where: { $0.alpha < 255 }) {
                append("tRNS", palette[...last].map(\.alpha), to: &file)
            }
            let rows = packed(indices, width: image.width, depth: depth)
            append("IDAT", try ZlibStream.compressed(rows), to: &file)
        case .colours(let colours):
            let isOpaque = colours.allSatisfy { $0.alpha == 255 }
            append("IHDR", header(image, depth: 8, colourType: isOpaque ? 2 : 6), to: &file)
            let channels = isOpaque ? 3 : 4
            var bytes: [UInt8] = []
            bytes.reserveCapacity(channels * colours.count)
            for colour in colours {
                bytes.append(colour.red)
                bytes.append(colour.green)
                bytes.append(colour.blue)
                if !isOpaque { bytes.append(colour.alpha) }
            }
            let rows = PNGFilter.filtered(bytes, stride: channels * image.width, pixel: channels)
            append("IDAT", try ZlibStream.compressed(rows), to: &file)
        }
        append("IEND", [], to: &file)
        return file
    }

    private static func header(_ image: RasterImage, depth: UInt8, colourType: UInt8) -> [UInt8] {
        big(image.width) + big(image.height) + [depth, colourType, 0, 0, 0]
    }

    /// Rows of indices, each behind a filter byte that says "as they are": neighbouring indices need not be alike, and rarely gain by a filter.
    private static func packed(_ indices: [UInt8], width: Int, depth: Int) -> [UInt8] {
        let perByte = 8 / depth
        var rows: [UInt8] = []
        rows.reserveCapacity(indices.count / perByte + indices.count / width * 2)
        for start in stride(from: 0, to: indices.count, by: width) {
            rows.append(0)
            guard depth < 8 else {
                rows += indices[start..<start + width]
                continue
            }
            for group in stride(from: start, to: start + width, by: perByte) {
                var byte: UInt8 = 0
                for (place, index) in (group..<min(group + perByte, start + width)).enumerated() {
                    byte |= indices[index] << UInt8(8 - depth * (place + 1))
                }
                rows.append(byte)
            }
        }
        return rows
    }

    private static func big(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// A chunk: its length, type, data and the checksum over type and data.
    private static func append(_ type: StaticString, _ data: [UInt8], to file: inout [UInt8]) {
        file += big(data.count)
        let start = file.count
        file.append(contentsOf: UnsafeBufferPointer(start: type.utf8Start, count: type.utf8CodeUnitCount))
        file += data
        file += big(Int(checksum(file[start...])))
    }

    /// CRC-32 as ISO 3309 defines it.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes { sum = checksumTable[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8 }
        return ~sum
    }

    private static let checksumTable: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
}
