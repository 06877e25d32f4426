import Tensors

/// MLX's codes that are numbers of few bits; each mode has its bits and its groups.
enum MLXMode: String, CaseIterable {
    /// Numbers e2m1 with a power of two for 32.
    case mxfp4
    /// Numbers e2m1 with a scale e4m3 for 16.
    case nvfp4
    /// Numbers e4m3 with a power of two for 32.
    case mxfp8

    var bits: Int { self == .mxfp8 ? 8 : 4 }

    var groupSize: Int { self == .nvfp4 ? 16 : 32 }

    /// The numbers by their codes.
    var table: [Float] { self == .mxfp8 ? Self.e4m3 : EncodingScheme.e2m1 }

    /// How bytes of scales are read.
    func scale(_ record: TensorRecord) -> PackedRows.Scale {
        guard self == .nvfp4 else { return .exponent(record) }
        return .number(
            TensorRecord(name: record.name, dtype: .f8e4m3fn, shape: record.shape, strides: nil, bytes: record.bytes, derived: nil))
    }

    private static let e4m3: [Float] = {
        let codes = (0..<256).map { UInt8($0) }
        return [Float](unsafeUninitializedCapacity: 256) { target, count in
            codes.withUnsafeBytes { Conversion.f8(.e4m3fn, $0.baseAddress!, target.baseAddress!, 256) }
            count = 256
        }
    }()
}
