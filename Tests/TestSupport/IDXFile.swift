import Foundation

/// Writes small IDX files for tests.
package enum IDXFile {
    /// Samples in single precision.
    package static func bytes(shape: [Int], values: [Float]) -> Data {
        var data = header(type: 0x0D, shape)
        for value in values { withUnsafeBytes(of: value.bitPattern.bigEndian) { data.append(contentsOf: $0) } }
        return data
    }

    /// Labels, or images in bytes.
    package static func bytes(shape: [Int], values: [UInt8]) -> Data { header(type: 0x08, shape) + Data(values) }

    private static func header(type: UInt8, _ shape: [Int]) -> Data {
        var data = Data([0, 0, type, UInt8(shape.count)])
        for length in shape { withUnsafeBytes(of: UInt32(length).bigEndian) { data.append(contentsOf: $0) } }
        return data
    }
}
