import Text

extension EncodingScheme {
    /// bitsandbytes nf4 and fp4: `weight` u8, or the same bytes called elements of a floating-point type, high nibble first; `weight.absmax` by block, `weight.quant_map`, and a JSON text with
    /// shape and blocks. Nested statistics are codes themselves.
    ///
    /// Source: bitsandbytes' `QuantState.from_dict` and `dequantize_4bit`.
    static let bitsAndBytes4 = EncodingScheme(
        name: "bitsandbytes", methods: ["bitsandbytes"],
        codes: { module in
            module.allNames.filter { $0.hasSuffix(".absmax") && module[String($0.dropLast(7))] != nil }.map { String($0.dropLast(7)) }
                .sorted()
        }, isSelfContained: true,
        decode: { (module, member) throws(Problem) in
            let kinds = ["nf4", "fp4"].filter { module.names("\(member).quant_state.bitsandbytes__\($0)") }
            guard kinds.count == 1, let kind = kinds.first else {
                throw Problem("a part is missing", expected: "'\(module.path(member)).quant_state.bitsandbytes__nf4' or '...__fp4'")
            }
            let stateName = "\(member).quant_state.bitsandbytes__\(kind)"
            let state = try quantState(module.part(stateName, [.u8]), stateName)
            let codes = try bytes(of: module.part(member, [.u8, .bf16, .f16, .f32]))
            guard case let shape = (state[member: "shape"]?.elements ?? []).map({ $0.wholeNumber ?? -1 }), !shape.isEmpty,
                shape.allSatisfy({ $0 >= 1 }), let count = product(shape), (count + 1) / 2 == codes.elementCount
            else {
                throw Problem(
                    "'\(stateName)' gives a different shape", expected: "one of \(codes.elementCount * 2) numbers",
                    found: "\(state[member: "shape"]?.elements.map(\.kind) ?? [])")
            }
            let blockSize = try size(state, "blocksize", stateName)
            let blocks = (count - 1) / blockSize + 1
            var table = try module.part(member + ".quant_map", [.f32], shape: [16]).floats()
            // The library's kernels keep the sign of fp4's zero, its map does not.
            if kind == "fp4", table[8] == 0 { table[8] = -0.0 }
            let isNested = module.names(member + ".nested_absmax")
            let absmax = try module.part(member + ".absmax", isNested ? [.u8] : [.f32], shape: [blocks])
            let magnitudes: BlockLookup.Magnitudes
            if isNested {
                let outerSize = try size(state, "nested_blocksize", stateName)
                let outer = try module.part(member + ".nested_absmax", [.f32], shape: [(blocks - 1) / outerSize + 1])
                let map = try module.part(member + ".nested_quant_map", [.f32], shape: [256]).floats()
                guard let offset = state[member: "nested_offset"]?.realNumber else {
                    throw Problem("'\(stateName)' lacks a member", expected: "nested_offset")
                }
                magnitudes = .nested(absmax, table: map, outer, blockSize: outerSize, offset: Float(offset))
            } else {
                magnitudes = .stored(absmax)
            }
            let parts =
                [member]
                + [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".quant_state.bitsandbytes__\(kind)"].map { member + $0 }
            let values = BlockLookup(
                summary: "bitsandbytes \(kind), 4 bits, blocks of \(blockSize)", stored: parts.compactMap { module[$0] }, codes: codes,
                table: table, blockSize: blockSize, magnitudes: magnitudes)
            return try DecodedWeight(module, member, shape: shape, codes: member, parts: parts, values)
        })

    /// bitsandbytes int8: `weight` i8 and `SCB`, the largest magnitude of each row.
    ///
    /// Source: bitsandbytes' `int8_vectorwise_dequant`, which multiplies with 1/127.
    static let bitsAndBytes8 = EncodingScheme(
        name: "bitsandbytes", methods: ["bitsandbytes"], codes: { $0.names("SCB") && $0["weight"]?.dtype == .i8 ? ["weight"] : [] },
        isSelfContained: true,
        decode: { (module, _) throws(Problem) in
            let codes = try module.part("weight", [.i8])
            guard codes.shape.count == 2 else {
                throw Problem("'weight' has the wrong shape", expected: "a matrix", found: "\(codes.shape)")
            }
            if let format = module["weight_format"], format.doubles() != [0] {
                throw Problem("is stored by bitsandbytes in the order of a device, which is not read", expected: "row")
            }
            let scales = try module.part("SCB", [.f32], shape: [codes.shape[0]])
            let values = ScaledBlocks(
                summary: "bitsandbytes int8, 8 bits, a scale a row", stored: [codes, scales], columns: codes.shape[1], codes: codes,
                scales: scales,
                blockRows: 1, blockColumns: codes.shape[1], matrixRows: codes.shape[0], factor: 7.874015718698502e-3)
            return try DecodedWeight(
                module, "weight", shape: codes.shape, codes: "weight", parts: ["weight", "SCB", "weight_format"], values)
        })

    /// The bytes of a tensor, whatever type they are stored as.
    private static func bytes(of record: TensorRecord) throws(Problem) -> TensorRecord {
        if record.dtype == .u8 { return record }
        return try TensorRecord(name: record.name, dtype: .u8, shape: [record.bytes.count], bytes: record.bytes)
    }

    private static func quantState(_ record: TensorRecord, _ name: String) throws(Problem) -> JSONValue {
        guard record.bytes.count <= 1 << 16 else { throw Problem("'\(name)' is too long", found: "\(record.bytes.count) bytes") }
        let value = record.bytes.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            return try? cursor.value()
        }
        guard let value else { throw Problem("'\(name)' is not JSON") }
        return value
    }

    private static func size(_ state: JSONValue, _ member: String, _ name: String) throws(Problem) -> Int {
        guard let size = state[member: member]?.wholeNumber, size >= 1 else {
            throw Problem("\(member) of '\(name)'", expected: "at least 1", found: state[member: member]?.kind ?? "none")
        }
        return size
    }

    private static func product(_ shape: [Int]) -> Int? {
        var count = 1
        for length in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow, product < 1 << 59 else { return nil }
            count = product
        }
        return count
    }
}

extension JSONValue {
    var realNumber: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
}
