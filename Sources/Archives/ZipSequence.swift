import Glibc

extension ZipDirectory {
    /// The places tried for one file's end; what looks like an end inside the numbers of a tensor is none.
    private static let trialLimit = 16
    private static let endLength = 22

    /// The zip files that follow each other in `region`, from its first byte to its last, as torch.distributed.checkpoint writes the
    /// parts of tensors; nil if the bytes are not a sequence of zip files.
    package static func sequence(in region: ByteRegion) -> [(directory: ZipDirectory, region: ByteRegion)]? {
        var found: [(directory: ZipDirectory, region: ByteRegion)] = []
        var start = 0
        var next = 0
        var trials = 0
        while start < region.count {
            guard trials < trialLimit, let place = endRecord(in: region, from: next),
                let commentLength = region.integer(at: place + 20, as: UInt16.self)
            else { return nil }
            trials += 1
            next = place + 4
            let end = place + endLength + Int(commentLength)
            guard end <= region.count, let part = region.slice(offset: start, count: end - start),
                let directory = try? ZipDirectory(part), directory.trailingByteCount == 0
            else { continue }
            found.append((directory, part))
            start = end
            next = end
            trials = 0
        }
        return found
    }

    private static func endRecord(in region: ByteRegion, from start: Int) -> Int? {
        region.withUnsafeBytes { bytes -> Int? in
            var place = start
            while place + 4 <= bytes.count, let base = bytes.baseAddress,
                let found = memchr(base + place, 0x50, bytes.count - place - 3)
            {
                let candidate = UnsafeRawPointer(found) - base
                if bytes.loadUnaligned(fromByteOffset: candidate, as: UInt32.self).littleEndian == 0x0605_4B50 { return candidate }
                place = candidate + 1
            }
            return nil
        }
    }
}
