import Tensors

/// Four-bit codes, high nibble first, that index a table of numbers; blocks of neighbours in row-major order share their largest magnitude.
struct BlockLookup: DerivedValues {
    /// The largest magnitude of each block.
    enum Magnitudes {
        case stored(TensorRecord)
        /// Codes of a table whose blocks share a magnitude themselves, and a number that is added.
        case nested(TensorRecord, table: [Float], TensorRecord, blockSize: Int, offset: Float)
    }

    let summary: String
    let stored: [TensorRecord]
    let codes: TensorRecord
    let table: [Float]
    let blockSize: Int
    let magnitudes: Magnitudes

    var isCertainlyFinite: Bool {
        let largest: Float
        switch magnitudes {
        case .stored(let record): largest = record.largestMagnitude
        case .nested(_, let table, let outer, _, let offset): largest = Self.largest(table) * outer.largestMagnitude + offset.magnitude
        }
        return (Self.largest(table) * largest).isFinite
    }

    /// Infinite where one number is not finite.
    private static func largest(_ table: [Float]) -> Float {
        table.allSatisfy(\.isFinite) ? table.lazy.map(\.magnitude).max() ?? 0 : .infinity
    }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        guard let output = target.baseAddress else { return }
        let length = 1 << 12
        codes.bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length + 16) { unpacked in
                guard let base = bytes.baseAddress, let codes = unpacked.baseAddress else { return }
                for start in stride(from: elements.lowerBound, to: elements.upperBound, by: length) {
                    let end = min(start + length, elements.upperBound)
                    let first = start / 2
                    let count = (end + 1) / 2 - first
                    PackedCodes.unpack(base + first, available: count, bits: 4, groups: (count + 3) / 4, codes)
                    for i in 0..<count { (codes[2 * i], codes[2 * i + 1]) = (codes[2 * i + 1], codes[2 * i]) }
                    decode(codes - first * 2, start..<end, output + (start - elements.lowerBound))
                }
            }
        }
    }

    private func decode(_ codes: UnsafeMutablePointer<UInt8>, _ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        let blocks = range.lowerBound / blockSize..<(range.upperBound - 1) / blockSize + 1
        withMagnitudes(blocks) { magnitudes in
            table.withUnsafeBufferPointer { table in
                for block in blocks {
                    let start = max(block * blockSize, range.lowerBound)
                    let end = min((block + 1) * blockSize, range.upperBound)
                    PackedCodes.lookUp(
                        codes + start, table: table.baseAddress!, scale: magnitudes[block - blocks.lowerBound],
                        target + (start - range.lowerBound), end - start)
                }
            }
        }
    }

    private func withMagnitudes(_ blocks: Range<Int>, _ body: (UnsafePointer<Float>) -> Void) {
        switch magnitudes {
        case .stored(let record): record.withFloats(blocks, body)
        case .nested(let record, let table, let outer, let blockSize, let offset):
            let first = blocks.lowerBound / blockSize
            outer.withFloats(first..<(blocks.upperBound - 1) / blockSize + 1) { scales in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: blocks.count) { target in
                    record.bytes.withUnsafeBytes { codes in
                        for (i, block) in blocks.enumerated() {
                            target[i] = table[Int(codes[block])] * scales[block / blockSize - first] + offset
                        }
                    }
                    body(UnsafePointer(target.baseAddress!))
                }
            }
        }
    }
}
