/// The archive formats and compressions that are read, recognised by the first bytes.
package enum ArchiveFormat: String, Sendable {
    case tar, zip
    case gzip, zstandard, xz, bzip2

    /// The format of `region`, or nil if it is none of them. A compressed file need not hold a tar.
    package init?(_ region: ByteRegion) {
        self.init(head: region.bytes(0..<min(region.count, 512)) ?? [])
    }

    /// The format of what begins with `head`, the first 512 bytes or all that there are.
    package init?(head: [UInt8]) {
        if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
            self = .zip
        } else if head.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            self = .zstandard
        } else if head.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) {
            self = .xz
        } else if head.starts(with: Array("BZh".utf8)), head.count > 4, head[4...].starts(with: [0x31, 0x41, 0x59]) {
            self = .bzip2
        } else if Self.isTarHeader(head) {
            self = .tar
        } else {
            return nil
        }
    }

    /// What users call it: `tar.gz` for a tar compressed with gzip.
    func label(holdsTar: Bool) -> String {
        let suffix =
            switch self {
            case .tar, .zip: ""
            case .gzip: "gz"
            case .zstandard: "zst"
            case .xz: "xz"
            case .bzip2: "bz2"
            }
        if suffix.isEmpty { return rawValue }
        return holdsTar ? "tar." + suffix : suffix
    }

    /// Whether the bytes are stored uncompressed.
    var isPlain: Bool { self == .tar || self == .zip }

    /// Every tar since 1979 carries a checksum of its header; only later ones a magic word.
    private static func isTarHeader(_ head: [UInt8]) -> Bool {
        guard head.count == 512 else { return false }
        var stored = 0
        var digits = 0
        for byte in head[148..<156] {
            if byte >= 0x30, byte <= 0x37 {
                stored = stored * 8 + Int(byte - 0x30)
                digits += 1
            } else if digits > 0 {
                break
            } else if byte != 0x20 {
                return false
            }
        }
        guard digits > 0 else { return false }
        var sum = 0
        for (place, byte) in head.enumerated() { sum += (148..<156).contains(place) ? 0x20 : Int(byte) }
        return sum == stored
    }
}
