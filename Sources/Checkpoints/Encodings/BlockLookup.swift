import Tensors

/// Codes of four bits, high first, that stand for numbers of a table; blocks of neighbours in row-major order share their largest magnitude.
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
        var place = range.lowerBound
        while place < range.upperBound {
            let block = place / blockSize
            let end = min((block + 1) * blockSize, range.upperBound)
            table.withUnsafeBufferPointer {
                PackedCodes.lookUp(
                    codes + place, table: $0.baseAddress!, scale: magnitude(block), target + (place - range.lowerBound), end - place)
            }
            place = end
        }
    }

    private func magnitude(_ block: Int) -> Float {
        switch magnitudes {
        case .stored(let record): return record.withFloats(block..<block + 1) { $0[0] }
        case .nested(let record, let table, let outer, let blockSize, let offset):
            let code = record.withFloats(block..<block + 1) { Int($0[0]) }
            return table[code] * outer.withFloats(block / blockSize..<block / blockSize + 1) { $0[0] } + offset
        }
    }
}
