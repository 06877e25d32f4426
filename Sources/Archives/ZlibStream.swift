import Text

/// Streams as RFC 1950 defines them: what a PNG holds.
package enum ZlibStream {
    /// The zlib stream of `bytes`. The same bytes give the same stream.
    ///
    /// libarchive deflates only inside of gzip; its frame is exchanged for that of zlib.
    ///
    /// - Throws: ``Problem`` where libarchive fails, which it does for want of memory only.
    package static func compressed(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        var gzip: [UInt8] = []
        do {
            let writer = try ArchiveWriter(.gzip) { gzip.append(contentsOf: $0) }
            try bytes.withUnsafeBytes { bytes in
                try writer.begin(name: "data", size: bytes.count)
                try writer.write(bytes)
            }
            try writer.finish()
        } catch {
            throw error as? Problem ?? Problem("cannot compress: \(error)")
        }
        // Ten bytes, flags that announce nothing further, then the deflated data, CRC-32 and size.
        guard gzip.count >= 18, gzip[0] == 0x1F, gzip[1] == 0x8B, gzip[2] == 8, gzip[3] == 0 else {
            throw Problem("cannot compress: libarchive wrote no plain gzip header")
        }
        // A window of 32 KiB, the default level; both bytes together are a multiple of 31.
        var stream: [UInt8] = [0x78, 0x9C]
        stream.reserveCapacity(gzip.count)
        stream += gzip[10..<gzip.count - 8]
        let sum = adler32(bytes)
        for shift in [24, 16, 8, 0] as [UInt32] { stream.append(UInt8(truncatingIfNeeded: sum >> shift)) }
        return stream
    }

    /// The checksum of RFC 1950.
    package static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var low: UInt32 = 1
        var high: UInt32 = 0
        var start = 0
        bytes.withUnsafeBufferPointer { bytes in
            while start < bytes.count {
                // No sum overflows before 5552 bytes.
                let end = min(start + 5552, bytes.count)
                for index in start..<end {
                    low &+= UInt32(bytes[index])
                    high &+= low
                }
                low %= 65521
                high %= 65521
                start = end
            }
        }
        return high << 16 | low
    }
}
