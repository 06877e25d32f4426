import Archives
import Crypto

/// Where a result comes from, as every json and jsonl report says it.
struct CheckpointSource: Encodable {
    let path: String
    /// Of the bytes that the checkpoint is read from, in hexadecimal; nil where hashing was not asked for.
    let sha256: String?
}

/// The first line of a graph in jsonl.
struct GraphProvenance: Encodable {
    let schema = "modinspect.graph/1"
    let version = modinspectVersion
    /// Nothing about a graph is random.
    let seed: UInt64?
    let checkpoint: CheckpointSource
}

extension ByteRegion {
    /// The SHA-256 over the regions, one after the other, in hexadecimal.
    static func sha256(of sources: [ByteRegion], _ progress: Progress) -> String {
        var hash = SHA256()
        for source in sources {
            var offset = 0
            while let piece = source.slice(offset: offset, count: min(1 << 22, source.count - offset)), piece.count > 0 {
                piece.withUnsafeBytes { hash.update(bufferPointer: $0) }
                piece.discardPages()
                progress.advance(by: piece.count)
                offset += piece.count
            }
        }
        return FileDigest.hexadecimal(hash)
    }
}

/// SHA-256 as it is written.
enum FileDigest {
    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        var hash = SHA256()
        Array(bytes).withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hexadecimal(hash)
    }

    static func hexadecimal(_ hash: SHA256) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
