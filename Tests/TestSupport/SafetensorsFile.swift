import Foundation

/// Writes small safetensors files for tests.
package enum SafetensorsFile {
    /// The bytes of a file with float32 tensors.
    package static func bytes(_ tensors: [(name: String, shape: [Int], values: [Float])]) throws -> Data {
        var header: [String: Any] = [:]
        var data = Data()
        for (name, shape, values) in tensors {
            let start = data.count
            for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, data.count]] as [String: Any]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        var file = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
        file.append(json)
        file.append(data)
        return file
    }
}
