/// Reads PNG files, written from the standards alone: inflation (RFC 1951), filters and palettes.
struct PNGReader {
    struct Damaged: Error, CustomStringConvertible { var description: String }

    private(set) var width = 0
    private(set) var height = 0
    private(set) var depth = 0
    private(set) var colourType = 0
    /// Red, green, blue and alpha of each pixel.
    private(set) var pixels: [[UInt8]] = []
    /// The types of the chunks in their order.
    private(set) var chunks: [String] = []

    init(_ file: [UInt8]) throws {
        guard file.starts(with: [137, 80, 78, 71, 13, 10, 26, 10]) else { throw Damaged(description: "no PNG") }
        var palette: [[UInt8]] = []
        var data: [UInt8] = []
        var start = 8
        while start < file.count {
            let length = Self.number(file[start..<start + 4])
            let type = String(decoding: file[start + 4..<start + 8], as: UTF8.self)
            let content = Array(file[start + 8..<start + 8 + length])
            let sum = Self.number(file[start + 8 + length..<start + 12 + length])
            guard sum == Self.checksum(file[start + 4..<start + 8 + length]) else { throw Damaged(description: "checksum of \(type)") }
            chunks.append(type)
            switch type {
            case "IHDR":
                (width, height) = (Self.number(content[0..<4]), Self.number(content[4..<8]))
                (depth, colourType) = (Int(content[8]), Int(content[9]))
                guard content[10...] == [0, 0, 0] else { throw Damaged(description: "header") }
            case "PLTE":
                palette = stride(from: 0, to: length, by: 3).map { Array(content[$0..<$0 + 3]) + [255] }
            case "tRNS":
                for (index, alpha) in content.enumerated() { palette[index][3] = alpha }
            case "IDAT": data += content
            case "IEND":
                guard start + 12 + length == file.count else { throw Damaged(description: "bytes behind the end") }
            default: break
            }
            start += 12 + length
        }
        let channels = [2: 3, 3: 1, 6: 4][colourType] ?? 0
        let rows = try unfiltered(Self.inflated(data), stride: (width * channels * depth + 7) / 8, pixel: max(1, channels * depth / 8))
        for row in rows {
            for x in 0..<width {
                switch colourType {
                case 2: pixels.append(Array(row[3 * x..<3 * x + 3]) + [255])
                case 6: pixels.append(Array(row[4 * x..<4 * x + 4]))
                default:
                    let bit = x * depth
                    let index = Int(row[bit / 8]) >> (8 - depth - bit % 8) & (1 << depth - 1)
                    guard index < palette.count else { throw Damaged(description: "index \(index)") }
                    pixels.append(palette[index])
                }
            }
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> Int {
        var register: UInt64 = 0xFFFF_FFFF
        for byte in bytes {
            for bit in 0..<8 {
                let isSet = (register ^ UInt64(byte) >> UInt64(bit)) & 1 == 1
                register = register >> 1 ^ (isSet ? 0xEDB8_8320 : 0)
            }
        }
        return Int(register ^ 0xFFFF_FFFF)
    }

    private func unfiltered(_ data: [UInt8], stride: Int, pixel: Int) throws -> [[UInt8]] {
        guard data.count == height * (stride + 1) else { throw Damaged(description: "\(data.count) bytes of rows") }
        var rows: [[UInt8]] = []
        var above = [UInt8](repeating: 0, count: stride)
        for y in 0..<height {
            var row = Array(data[y * (stride + 1) + 1..<(y + 1) * (stride + 1)])
            for index in 0..<stride {
                let a = index < pixel ? 0 : Int(row[index - pixel])
                let b = Int(above[index])
                let c = index < pixel ? 0 : Int(above[index - pixel])
                switch data[y * (stride + 1)] {
                case 0: break
                case 1: row[index] &+= UInt8(a)
                case 2: row[index] &+= UInt8(b)
                case 3: row[index] &+= UInt8((a + b) / 2)
                case 4:
                    let p = a + b - c
                    // Ties go to a, then b.
                    let nearest = [a, b, c].min { abs(p - $0) < abs(p - $1) }!
                    row[index] &+= UInt8(nearest)
                default: throw Damaged(description: "filter")
                }
            }
            rows.append(row)
            above = row
        }
        return rows
    }

    /// The content of a zlib stream.
    static func inflated(_ stream: [UInt8]) throws -> [UInt8] {
        guard stream.count > 6, stream[0] & 15 == 8, number(stream[0..<2]) % 31 == 0, stream[1] & 32 == 0 else {
            throw Damaged(description: "zlib header")
        }
        var bits = Bits(bytes: stream, place: 16)
        var output: [UInt8] = []
        while true {
            let isLast = try bits.next(1) == 1
            switch try bits.next(2) {
            case 0:
                bits.place = (bits.place + 7) / 8 * 8
                let count = try bits.next(16)
                guard try bits.next(16) == count ^ 0xFFFF else { throw Damaged(description: "stored length") }
                for _ in 0..<count { output.append(UInt8(try bits.next(8))) }
            case 1:
                let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
                try inflate(&bits, Huffman(lengths), Huffman([Int](repeating: 5, count: 30)), into: &output)
            case 2:
                let (literals, distances, kinds) = (try bits.next(5) + 257, try bits.next(5) + 1, try bits.next(4) + 4)
                var lengths = [Int](repeating: 0, count: 19)
                for index in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(kinds) {
                    lengths[index] = try bits.next(3)
                }
                let codes = Huffman(lengths)
                lengths = []
                while lengths.count < literals + distances {
                    let code = try codes.next(&bits)
                    switch code {
                    case 16: lengths += [Int](repeating: lengths.last!, count: try bits.next(2) + 3)
                    case 17: lengths += [Int](repeating: 0, count: try bits.next(3) + 3)
                    case 18: lengths += [Int](repeating: 0, count: try bits.next(7) + 11)
                    default: lengths.append(code)
                    }
                }
                try inflate(&bits, Huffman(Array(lengths[..<literals])), Huffman(Array(lengths[literals...])), into: &output)
            default: throw Damaged(description: "block type")
            }
            if isLast { break }
        }
        let end = (bits.place + 7) / 8
        let (low, high) = output.reduce((1, 0)) { sums, byte in
            let low = (sums.0 + Int(byte)) % 65521
            return (low, (sums.1 + low) % 65521)
        }
        guard stream.count == end + 4, number(stream[end...]) == high << 16 | low else { throw Damaged(description: "Adler-32") }
        return output
    }

    private static func inflate(_ bits: inout Bits, _ literals: Huffman, _ distances: Huffman, into output: inout [UInt8]) throws {
        while true {
            let code = try literals.next(&bits)
            if code < 256 {
                output.append(UInt8(code))
                continue
            }
            if code == 256 { return }
            // Lengths and distances: groups of codes with the same number of extra bits, RFC 1951 section 3.2.5.
            var length = 258
            if code < 285 {
                let extra = code < 265 ? 0 : (code - 261) / 4
                length = (code < 265 ? code - 254 : (4 + (code - 261) % 4) << extra + 3) + (try bits.next(extra))
            }
            let place = try distances.next(&bits)
            let extra = place < 4 ? 0 : place / 2 - 1
            let distance = (place < 4 ? place + 1 : (2 + place % 2) << extra + 1) + (try bits.next(extra))
            guard distance <= output.count else { throw Damaged(description: "distance") }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    private struct Bits {
        let bytes: [UInt8]
        var place: Int

        mutating func next(_ count: Int) throws -> Int {
            guard place + count <= 8 * bytes.count else { throw Damaged(description: "truncated") }
            var value = 0
            for bit in 0..<count {
                value |= Int(bytes[place >> 3] >> UInt8(place & 7) & 1) << bit
                place += 1
            }
            return value
        }
    }

    /// A canonical prefix code, read bit by bit.
    private struct Huffman {
        private var counts = [Int](repeating: 0, count: 16)
        private var symbols: [Int] = []

        init(_ lengths: [Int]) {
            for length in lengths where length > 0 { counts[length] += 1 }
            for length in 1..<16 { symbols += lengths.indices.filter { lengths[$0] == length } }
        }

        func next(_ bits: inout Bits) throws -> Int {
            var (code, first, index) = (0, 0, 0)
            for length in 1..<16 {
                code |= try bits.next(1)
                if code - first < counts[length] { return symbols[index + code - first] }
                index += counts[length]
                first = (first + counts[length]) << 1
                code <<= 1
            }
            throw Damaged(description: "code")
        }
    }
}
