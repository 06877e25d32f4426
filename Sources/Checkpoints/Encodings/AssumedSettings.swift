import Text

/// How a weight is stored, inferred from the shapes of its parts if no file of the model describes it, and only if they allow one reading.
extension EncodingSettings {
    private init(assumed method: String, _ numbers: [(String, Int)], _ texts: [(String, String)] = []) {
        let values = numbers.map { JSONValue.Member(name: $0, value: .integer($1)) } + texts.map { .init(name: $0, value: .string($1)) }
        self.init(member: "the shapes", fileName: "the shapes", values: .object(values), impliedMethod: method)
    }

    private static func missing(_ scheme: String, expected: String, found: String = "none") -> Problem {
        Problem("is stored as codes of \(scheme), whose settings are missing", expected: expected, found: found)
    }

    /// GPTQ: the bits follow from the zero points, the groups from `g_idx`. The version can be recognised if all zero points are in
    /// the middle of the codes, as in symmetric quantisation, and not otherwise.
    static func assumedGPTQ(_ module: EncodedModule) throws(Problem) -> EncodingSettings {
        let expected = "quantization_config in config.json"
        let codes = try module.part("qweight", [.i32, .u32])
        let scales = try module.part("scales", DType.scales)
        let zeros = try module.part("qzeros", [.i32, .u32])
        guard codes.shape.count == 2, scales.shape.count == 2, zeros.shape.count == 2 else { throw missing("GPTQ", expected: expected) }
        let (rows, groups) = (codes.shape[1], scales.shape[0])
        guard scales.shape[1] == rows, zeros.shape[0] == groups,
            let bits = [2, 3, 4, 8].first(where: { zeros.shape[1] * 32 == rows * $0 }), codes.shape[0] * 32 % bits == 0
        else { throw missing("GPTQ", expected: expected, found: "parts whose shapes do not determine the bits") }
        let columns = codes.shape[0] * 32 / bits
        var size = columns
        if groups > 1 {
            guard module.names("g_idx") else { throw missing("GPTQ", expected: expected, found: "no 'g_idx', which would give the groups") }
            // Every group but the last is full, in whatever order the columns are.
            size = try module.part("g_idx", [.i32, .i64], shape: [columns]).doubles().count { $0 == 0 }
        }
        guard size > 0, (columns - 1) / size + 1 == groups else {
            throw missing("GPTQ", expected: expected, found: "groups of \(size) among \(columns) in-neurons with \(groups) scales")
        }
        let middle = 1 << (bits - 1)
        guard let format = [("gptq", middle - 1), ("gptq_v2", middle)].first(where: { holds(zeros, $0.1, bits: bits) })?.0 else {
            throw missing("GPTQ", expected: expected + " with checkpoint_format, which defines the zero points")
        }
        return EncodingSettings(assumed: "gptq", [("bits", bits), ("group_size", size)], [("checkpoint_format", format)])
    }

    /// Whether every code in rows of words is `code`.
    private static func holds(_ record: TensorRecord, _ code: Int, bits: Int) -> Bool {
        let width = record.shape[1]
        let words = (0..<width).map { word in
            (0..<32).reduce(UInt32(0)) { $0 | UInt32(code >> ((word * 32 + $1) % bits) & 1) << UInt32($1) }
        }
        return record.bytes.withUnsafeBytes { bytes in
            (0..<record.shape[0] * width).allSatisfy {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)) == words[$0 % width]
            }
        }
    }

    /// AWQ for gemm: eight codes a word along the out-neurons, and groups that divide the in-neurons.
    static func assumedAWQ(_ module: EncodedModule) throws(Problem) -> EncodingSettings {
        let codes = try module.part("qweight", [.i32, .u32])
        let scales = try module.part("scales", DType.scales)
        // The layout for gemv is transposed: read as gemm, its groups would have only a few in-neurons.
        guard codes.shape.count == 2, scales.shape.count == 2, scales.shape[1] == codes.shape[1] * 8,
            codes.shape[0] % scales.shape[0] == 0, codes.shape[0] / scales.shape[0] >= 16
        else {
            throw missing("AWQ", expected: "quantization_config in config.json", found: "\(codes.shape) codes with \(scales.shape) scales")
        }
        return EncodingSettings(assumed: "awq", [("bits", 4), ("group_size", codes.shape[0] / scales.shape[0])], [("version", "gemm")])
    }

    /// MLX: the words of a group say the product of bits and size, which only some pairs of those that MLX has share with no other.
    static func assumedMLX(_ module: EncodedModule) throws(Problem) -> EncodingSettings {
        let expected = "quantization in config.json, with bits and group_size"
        let codes = try module.part("weight", [.u32])
        guard let scales = module["scales"], let width = codes.shape.last, let groups = scales.shape.last, groups > 0,
            width * 32 % groups == 0
        else { throw missing("MLX", expected: expected) }
        let product = width * 32 / groups
        if scales.dtype == .u8, !module.names("biases") {
            guard let mode = MLXMode.allCases.first(where: { $0.bits * $0.groupSize == product }) else {
                throw missing("MLX", expected: expected + " and mode")
            }
            return EncodingSettings(
                assumed: "mlx", [("bits", mode.bits), ("group_size", mode.groupSize)], [("mode", mode.rawValue)])
        }
        let pairs = [2, 3, 4, 5, 6, 8].flatMap { bits in [32, 64, 128].map { (bits: bits, size: $0) } }.filter {
            $0.bits * $0.size == product
        }
        guard pairs.count == 1 else {
            let found = pairs.map { "\($0.bits) bits in groups of \($0.size)" }.joined(separator: " or ")
            throw missing("MLX", expected: expected, found: found.isEmpty ? "none" : found)
        }
        return EncodingSettings(assumed: "mlx", [("bits", pairs[0].bits), ("group_size", pairs[0].size)])
    }
}
