import Archives
import Tensors
import Text

/// Writes a draft in the safetensors format: the header names the tensors in their order, the data begins at a multiple of 64 bytes,
/// and wider types come first, so that every tensor is aligned.
struct SafetensorsWriter {
    /// The length of the header with the eight bytes that say it, then the header.
    private let head: [UInt8]
    private let path: String
    /// In the order of their bytes.
    private let tensors: [(tensor: CheckpointDraft.Tensor, bytes: Int)]
    /// The size of the whole file.
    let size: Int

    /// - Parameter metadata: text that the header carries in addition to `format`.
    /// - Throws: ``Problem`` for duplicate names, types that the format lacks, and sizes beyond its limits.
    init(_ tensors: [CheckpointDraft.Tensor], metadata: [String: String], path: String) throws {
        var sizes: [String: Int] = [:]
        for tensor in tensors {
            guard tensor.name != Self.metadataName, sizes[tensor.name] == nil else {
                throw Problem(
                    path: path, tensor: tensor.name, problem: sizes[tensor.name] == nil ? "cannot have this name" : "appears twice")
            }
            guard Safetensors.typeName(tensor.dtype) != nil else {
                throw Problem(path: path, tensor: tensor.name, problem: "the format lacks its type", found: tensor.dtype.rawValue)
            }
            do {
                sizes[tensor.name] = try TensorRecord.byteCount(dtype: tensor.dtype, shape: tensor.shape)
            } catch {
                throw error.at(path: path).about("tensor '\(tensor.name)'")
            }
        }
        let order = tensors.enumerated().sorted {
            ($1.element.dtype.bytesPerBlock, $0.offset) < ($0.element.dtype.bytesPerBlock, $1.offset)
        }.map(\.element)
        var offsets: [String: Int] = [:]
        var end = 0
        for tensor in order {
            offsets[tensor.name] = end
            let (sum, overflow) = end.addingReportingOverflow(sizes[tensor.name] ?? 0)
            guard !overflow, sum < Int.max / 2 else { throw Problem(path: path, problem: "the tensors have too many bytes") }
            end = sum
        }
        var members: [String] = []
        let texts = metadata.merging(["format": "pt"]) { text, _ in text }.sorted { $0.key < $1.key }
        members.append(
            "\(JSONText.string(Self.metadataName)):{\(texts.map { JSONText.string($0.key) + ":" + JSONText.string($0.value) }.joined(separator: ","))}"
        )
        for tensor in tensors {
            let start = offsets[tensor.name] ?? 0
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(JSONText.string(tensor.name)):{\"dtype\":\"\(Safetensors.typeName(tensor.dtype) ?? "")\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(start),\(start + (sizes[tensor.name] ?? 0))]}")
        }
        var header = Array("{\(members.joined(separator: ","))}".utf8)
        header += [UInt8](repeating: UInt8(ascii: " "), count: (64 - (header.count + 8) % 64) % 64)
        guard header.count <= Safetensors.maximumHeaderLength else {
            throw Problem(
                path: path, problem: "the names have too many bytes", expected: "at most \(Safetensors.maximumHeaderLength)",
                found: "\(header.count)")
        }
        self.path = path
        head = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
        self.tensors = order.map { ($0, sizes[$0.name] ?? 0) }
        size = head.count + end
    }

    private static let metadataName = "__metadata__"

    /// Writes the file piece by piece, one tensor at a time.
    ///
    /// - Throws: ``Problem`` for a finite number that its tensor's type cannot hold, and what `sink` throws.
    func write(to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        try head.withUnsafeBytes { try sink($0) }
        for (tensor, size) in tensors {
            switch tensor.content {
            case .bytes(let make):
                let bytes = try make()
                precondition(bytes.count == size, "\(bytes.count) bytes for tensor '\(tensor.name)' of \(size)")
                var offset = 0
                while let piece = bytes.slice(offset: offset, count: min(Self.pieceLength, size - offset)), piece.count > 0 {
                    try piece.withUnsafeBytes { try sink($0) }
                    piece.discardPages()
                    offset += piece.count
                }
            case .values(let make):
                let values: Tensors.Tensor
                do {
                    values = try make()
                } catch let error as Problem {
                    throw error.at(path: path)
                }
                precondition(
                    values.count * tensor.dtype.bytesPerBlock == size, "\(values.shape) for tensor '\(tensor.name)' of \(tensor.shape)")
                try write(values, of: tensor, to: sink)
            }
        }
    }

    private static let pieceLength = 1 << 20

    private func write(
        _ values: Tensors.Tensor, of tensor: CheckpointDraft.Tensor, to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let dtype = tensor.dtype
        let width = dtype.bytesPerBlock
        try values.withElements { elements in
            guard let base = elements.baseAddress else { return }
            let step = Self.pieceLength / width
            try withUnsafeTemporaryAllocation(byteCount: Self.pieceLength, alignment: 64) { buffer in
                guard let target = buffer.baseAddress else { return }
                for start in stride(from: 0, to: elements.count, by: step) {
                    let count = min(step, elements.count - start)
                    if let value = Self.firstBeyond(dtype, base + start, count) {
                        throw Problem(
                            path: path, tensor: tensor.name, problem: "has a weight beyond the range of \(dtype.rawValue)",
                            expected: "at most \(dtype == .f16 ? "65504" : "3.39e38") in magnitude", found: "\(value)")
                    }
                    switch dtype {
                    case .f16: Rounding.f16(base + start, target, count)
                    case .bf16: Rounding.bf16(base + start, target, count)
                    case .f64: Rounding.f64(base + start, target, count)
                    default: Rounding.f32(base + start, target, count)
                    }
                    try sink(UnsafeRawBufferPointer(rebasing: buffer[..<(count * width)]))
                }
            }
        }
    }

    /// The first finite number that would become infinite.
    private static func firstBeyond(_ dtype: DType, _ values: UnsafePointer<Float>, _ count: Int) -> Float? {
        switch dtype {
        case .f16: Rounding.firstBeyondF16(values, count)
        case .bf16: Rounding.firstBeyondBF16(values, count)
        default: nil
        }
    }
}
