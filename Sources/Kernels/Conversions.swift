// Stored element types to Float and Double. Sources are bytes of any alignment.

@inline(__always)
private func convert<Source: BitwiseCopyable, Target>(
    _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Target>, _ count: Int, _ value: (Source) -> Target
) {
    for i in 0..<count {
        target[i] = value(source.loadUnaligned(fromByteOffset: i &* MemoryLayout<Source>.size, as: Source.self))
    }
}

package func convertF32(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    target.withMemoryRebound(to: UInt8.self, capacity: count * 4) {
        UnsafeMutableRawPointer($0).copyMemory(from: source, byteCount: count * 4)
    }
}

package func convertF64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
    UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 8)
}

package func convertF64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    convert(source, target, count) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
}

package func convertBF16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    convert(source, target, count) { (bits: UInt16) in Float(bitPattern: UInt32(bits) &<< 16) }
}

/// Half precision by integer arithmetic: the exponent is moved by a multiplication, which also makes subnormals right.
package func convertF16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    let scale = Float(bitPattern: UInt32(254 - 15) << 23)
    convert(source, target, count) { (bits: UInt16) in
        let magnitude = UInt32(bits & 0x7FFF) &<< 13
        var value = (Float(bitPattern: magnitude) * scale).bitPattern
        // Exponent 31 is infinity or NaN in half precision; the multiplication made it 2^16 and more.
        value |= magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0
        return Float(bitPattern: value | UInt32(bits & 0x8000) &<< 16)
    }
}

/// Types of one byte by a table of their 256 values.
package func convertTable(
    _ source: UnsafeRawPointer, _ table: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    let bytes = source.assumingMemoryBound(to: UInt8.self)
    for i in 0..<count { target[i] = table[Int(bytes[i])] }
}

package func convertI8(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    convert(source, target, count) { (value: Int8) in Float(value) }
}
package func convertU8(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    convert(source, target, count) { (value: UInt8) in Float(value) }
}
package func convertI16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    convert(source, target, count) { (value: Int16) in Float(value) }
}
package func convertU16(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    convert(source, target, count) { (value: UInt16) in Float(value) }
}
package func convertI32(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
    convert(source, target, count) { (value: Int32) in Double(value) }
}
package func convertU32(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
    convert(source, target, count) { (value: UInt32) in Double(value) }
}
package func convertI64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
    convert(source, target, count) { (value: Int64) in Double(value) }
}
package func convertU64(_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>, _ count: Int) {
    convert(source, target, count) { (value: UInt64) in Double(value) }
}
