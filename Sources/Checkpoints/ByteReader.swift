import Archives

/// Reads little-endian numbers and runs of bytes from a region, one after the other, and never past its end.
struct ByteReader {
    let region: ByteRegion
    /// The next byte's place in the region.
    private(set) var position: Int

    init(_ region: ByteRegion, at position: Int = 0) {
        self.region = region
        self.position = position
    }

    var remaining: Int { region.count - position }

    /// The next integer, or nil at the end of the bytes.
    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type = Integer.self) -> Integer? {
        let size = Integer.bitWidth / 8
        guard remaining >= size else { return nil }
        let start = position
        position += size
        return region.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Integer.self)) }
    }

    /// The next `count` bytes as a region, or nil if fewer remain.
    mutating func take(_ count: Int) -> ByteRegion? {
        guard count >= 0, count <= remaining else { return nil }
        defer { position += count }
        return region.slice(offset: position, count: count)
    }
}
