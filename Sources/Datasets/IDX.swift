import Archives
import Checkpoints
import Text

/// The IDX format of the MNIST files: two zeros, a type, the number of dimensions, their lengths, the elements; numbers are big-endian.
enum IDX {
    private static let types: [UInt8: DType] = [0x08: .u8, 0x09: .i8, 0x0B: .i16, 0x0C: .i32, 0x0D: .f32, 0x0E: .f64]

    /// Whether the bytes begin as an IDX file does.
    static func isRecognised(_ head: [UInt8]) -> Bool {
        head.count >= 4 && head[0] == 0 && head[1] == 0 && types[head[2]] != nil && head[3] > 0
    }

    /// The array in `content`. Bytes are used in place, wider elements are copied in the order of this machine.
    ///
    /// - Throws: ``Problem`` if the header is cut, or the number of elements differs from the one in the header.
    static func read(_ content: ByteRegion, path: String) throws -> TensorRecord {
        guard let head = content.bytes(0..<4), isRecognised(head), let dtype = types[head[2]] else {
            throw Problem(path: path, problem: "is not an IDX file")
        }
        let dimensions = Int(head[3])
        var shape: [Int] = []
        for dimension in 0..<dimensions {
            guard let length = content.integer(at: 4 + 4 * dimension, as: UInt32.self) else {
                throw Problem(
                    path: path, problem: "the IDX header is truncated", expected: "\(dimensions) dimensions", found: "\(shape.count)")
            }
            shape.append(Int(length.byteSwapped))
        }
        do {
            let size = try TensorRecord.byteCount(dtype: dtype, shape: shape)
            let start = 4 + 4 * dimensions
            guard content.count - start == size, let data = content.slice(offset: start, count: size) else {
                throw Problem(
                    path: path,
                    problem: content.count - start < size ? "the IDX data are truncated" : "more data than the IDX header declares",
                    expected: "\(size) bytes for \(shape)", found: "\(content.count - start)")
            }
            return try TensorRecord(name: "", dtype: dtype, shape: shape, bytes: swapped(data, width: dtype.bytesPerBlock))
        } catch let error as Problem {
            throw error.at(path: path)
        }
    }

    /// `data` with the bytes of each element turned round.
    private static func swapped(_ data: ByteRegion, width: Int) -> ByteRegion {
        guard width > 1 else { return data }
        let bytes = data.withUnsafeBytes { source in
            [UInt8](unsafeUninitializedCapacity: source.count) { target, count in
                for place in 0..<source.count { target[place] = source[place / width * width + width - 1 - place % width] }
                count = source.count
            }
        }
        return ByteRegion(copying: bytes)
    }
}
