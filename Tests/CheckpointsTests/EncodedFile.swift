import Archives
import Foundation

@testable import Checkpoints

/// A safetensors file made from bytes, with a config.json.
struct EncodedFile {
    var tensors: [String: (DType, [Int], [UInt8])]
    var configuration: String?

    init(tensors: [String: (DType, [Int], [UInt8])] = [:], configuration: String? = nil) {
        self.tensors = tensors
        self.configuration = configuration
    }

    /// Fixture `name` with its tensors to be changed.
    init(fixture name: String) throws {
        let checkpoint = try Checkpoint.open(EncodingsTests.folder + name + ".safetensors")
        tensors = [:]
        for record in checkpoint.stored {
            tensors[record.name] = (record.dtype, record.shape, record.bytes.bytes(0..<record.bytes.count) ?? [])
        }
        configuration = checkpoint.configuration.map { $0.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
    }

    /// - Parameter types: names of tensors whose types are called otherwise than they are.
    func checkpoint(calling types: [String: String] = [:]) throws -> Checkpoint {
        let drafts = tensors.sorted { $0.key < $1.key }.map { name, content in
            CheckpointDraft.Tensor(name: name, dtype: content.0, shape: content.1) { ByteRegion(copying: content.2) }
        }
        var bytes: [UInt8] = []
        let metadata = configuration.map { ["config.json": $0] } ?? [:]
        try SafetensorsWriter(drafts, metadata: metadata, path: "out").write { bytes += Array($0) }
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        for (name, type) in types {
            guard let start = header.range(of: "\"\(name)\":{\"dtype\":\"")?.upperBound,
                let end = header[start...].firstIndex(of: "\"")
            else { continue }
            header.replaceSubrange(start..<end, with: type)
        }
        let count = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        return try openCheckpoint(count + Array(header.utf8) + bytes[(8 + length)...], path: "m.safetensors")
    }

    static func floats(_ values: [Float]) -> [UInt8] { values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } } }

    static func integers(_ values: [Int32]) -> [UInt8] { values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } } }
}
