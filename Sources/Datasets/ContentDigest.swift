import Archives
import Crypto

/// SHA-256, which identifies checkpoints, data and states.
package struct ContentDigest {
    private var hash = SHA256()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    /// The digest of everything so far, in hexadecimal.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension ByteRegion {
    /// The SHA-256 over the regions, one after the other, in hexadecimal.
    ///
    /// - Parameter progress: called with the bytes that were hashed since it was called last.
    package static func sha256(of sources: [ByteRegion], progress: (Int) -> Void = { _ in }) -> String {
        var digest = ContentDigest()
        for source in sources {
            var offset = 0
            while let piece = source.slice(offset: offset, count: min(1 << 22, source.count - offset)), piece.count > 0 {
                piece.withUnsafeBytes { digest.update($0) }
                piece.discardPages()
                progress(piece.count)
                offset += piece.count
            }
        }
        return digest.hexadecimal
    }
}
