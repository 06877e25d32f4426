import Text

/// The members of a zip file as its central directory names them, read without touching their data.
///
/// The central directory is trusted; every local header is checked against it, since writers that stream (PyTorch among
/// them) leave the sizes there at zero. Checksums of stored members are verified only by ``damage(in:of:)``: they are used in place, and
/// reading all of their bytes is what mapping them avoids.
package struct ZipDirectory: Sendable {
    /// One member of a zip file.
    package struct Entry: Sendable {
        /// The name as stored, a slash at its end for directories; a name only, never used as a path.
        package let name: String
        /// The bytes of the member's content.
        package let size: Int
        /// The range of the content's bytes in the file.
        package let compressedSize: Int
        /// Whether the content is stored uncompressed.
        package let isStored: Bool
        /// The content in place, without any particular alignment; nil if it is compressed or cannot be read.
        package let region: ByteRegion?
        /// Whether one of the entry's headers calls it encrypted although the other one or its sizes show that it is not, or both do and only
        /// its bytes can show whether it is.
        package let isFlaggedEncrypted: Bool
        /// Whether both headers call it encrypted.
        let isFlaggedTwice: Bool
        /// The directory's checksum of the content.
        let checksum: UInt32
        /// The stored bytes of the content.
        let stored: ByteRegion
        /// Why the content cannot be read.
        package let problem: Problem?

        /// Whether the entry names a directory.
        package var isDirectory: Bool { name.hasSuffix("/") }
    }

    /// The members in the directory's order; names are unique.
    package let entries: [Entry]
    /// The bytes between the directory and the end of the file that belong to neither: another zip file stands there, for one.
    package let unclaimedByteCount: Int
    /// The bytes behind the zip file's end, which were appended to it.
    package let trailingByteCount: Int

    /// Reads the directory of the zip file whose bytes are `region`; nil if the bytes do not begin as a zip file does.
    ///
    /// A member that is encrypted is listed without a content. Whether a compressed one is shows only when it is unpacked: the flag alone would
    /// hide it from programs that believe it.
    ///
    /// - Throws: ``Problem`` if the directory is missing or damaged, if members overlap, leave the file, share a
    ///   name, or are spread over several disks.
    package init?(_ region: ByteRegion) throws(Problem) {
        let first = region.integer(at: 0, as: UInt32.self)
        guard first == Signature.localHeader || first == Signature.end else { return nil }
        let end = try EndRecord(region)
        // Every entry has a header of 46 bytes, so the bytes bound the count before anything is allocated.
        guard end.entryCount <= end.directorySize / CentralHeader.size else {
            throw Problem(
                "the zip directory is too small for its entries",
                expected: "\(end.entryCount) entries of \(CentralHeader.size) bytes or more",
                found: "\(end.directorySize) bytes")
        }
        guard let directory = region.slice(offset: end.directoryOffset, count: end.directorySize) else {
            throw Problem("the zip directory is outside the file")
        }
        let contents = region.slice(offset: 0, count: end.directoryOffset) ?? region
        var entries: [Entry] = []
        var places: [Range<Int>] = []
        var names = Set<String>()
        entries.reserveCapacity(end.entryCount)
        places.reserveCapacity(end.entryCount)
        var position = 0
        for _ in 0..<end.entryCount {
            let header = try CentralHeader(directory, at: position)
            position += header.totalSize
            let (isNew, other) = names.insert(header.name)
            guard isNew else {
                let isSame = header.name.utf8.elementsEqual(other.utf8)
                throw Problem(
                    isSame
                        ? "the zip directory names it twice" : "has a name that differs from another's only in its Unicode normalisation",
                    member: header.name)
            }
            let (entry, place) = try header.locate(in: contents)
            entries.append(entry)
            places.append(place)
        }
        try Self.checkDisjoint(places, entries)
        self.entries = entries
        unclaimedByteCount = end.unclaimedByteCount
        trailingByteCount = end.trailingByteCount
    }

    /// Why a file is refused that should end where the zip file does; nil if it does.
    package var trailingProblem: Problem? {
        trailingByteCount == 0
            ? nil : Problem("bytes stand behind the zip file's end", expected: "none", found: ByteText.counted(trailingByteCount, "byte"))
    }

    /// The entry called `name`.
    package subscript(name: String) -> Entry? { entries.first { $0.name == name } }

    private static func checkDisjoint(_ places: [Range<Int>], _ entries: [Entry]) throws(Problem) {
        let order = places.indices.sorted { places[$0].lowerBound < places[$1].lowerBound }
        for (before, after) in zip(order, order.dropFirst()) where places[before].upperBound > places[after].lowerBound {
            throw Problem("overlaps member '\(entries[before].name)' in the zip file", member: entries[after].name)
        }
    }
}

private enum Signature {
    static let localHeader: UInt32 = 0x0403_4B50
    static let centralHeader: UInt32 = 0x0201_4B50
    static let end: UInt32 = 0x0605_4B50
    static let end64: UInt32 = 0x0606_4B50
    static let end64Locator: UInt32 = 0x0706_4B50
}

/// The record at a zip file's end that gives the position of the central directory, in its 32-bit or its 64-bit form.
private struct EndRecord {
    let entryCount: Int
    let directorySize: Int
    let directoryOffset: Int
    /// The bytes between the directory and this record, or its first part where it has two.
    private(set) var unclaimedByteCount: Int
    /// The bytes behind this record and its comment.
    private(set) var trailingByteCount = 0

    private static let size = 22
    private static let size64 = 56
    private static let locatorSize = 20
    private static let longestComment = 0xFFFF
    /// The bytes at the end of a file among which the end of a zip file is looked for.
    private static let searchLimit = 1 << 24

    init(_ region: ByteRegion) throws(Problem) {
        if let position = Self.find(region) {
            self = try Self(region, at: position)
            return
        }
        guard let last = Self.lastBeforeOthers(region) else {
            throw Problem("the zip file's end is missing", hint: "the file is truncated")
        }
        // Those who look for the end look no further.
        guard last.trailing <= Self.longestComment, Self.records(region, within: Self.longestComment).count == 1 else {
            throw Problem(
                "bytes stand behind the zip file's end", expected: "at most \(Self.longestComment), without another end among them",
                found: ByteText.counted(last.trailing, "byte"))
        }
        self = last.record
        trailingByteCount = last.trailing
    }

    private init(_ region: ByteRegion, at position: Int) throws(Problem) {
        guard let record = region.slice(offset: position, count: Self.size),
            let disk = record.integer(at: 4, as: UInt16.self), let startDisk = record.integer(at: 6, as: UInt16.self),
            let countHere = record.integer(at: 8, as: UInt16.self), let count = record.integer(at: 10, as: UInt16.self),
            let size = record.integer(at: 12, as: UInt32.self), let offset = record.integer(at: 16, as: UInt32.self)
        else { throw Problem("the zip file's end record is truncated") }
        let locator = position - Self.locatorSize
        if locator >= 0, region.integer(at: locator, as: UInt32.self) == Signature.end64Locator {
            try self.init(region, locator: locator)
            return
        }
        guard disk == 0, startDisk == 0, countHere == count else {
            throw Problem("a zip file spread over several disks is not supported")
        }
        self = try Self(count: UInt64(count), size: UInt64(size), offset: UInt64(offset), before: position)
    }

    private init(_ region: ByteRegion, locator: Int) throws(Problem) {
        guard let place = region.integer(at: locator + 8, as: UInt64.self).flatMap(Int.init(exactly:)), place <= locator - Self.size64,
            let record = region.slice(offset: place, count: Self.size64),
            record.integer(at: 0, as: UInt32.self) == Signature.end64,
            let disk = record.integer(at: 16, as: UInt32.self), let startDisk = record.integer(at: 20, as: UInt32.self),
            let countHere = record.integer(at: 24, as: UInt64.self), let count = record.integer(at: 32, as: UInt64.self),
            let size = record.integer(at: 40, as: UInt64.self), let offset = record.integer(at: 48, as: UInt64.self)
        else { throw Problem("the zip file's 64-bit end record is not where its locator points") }
        guard disk == 0, startDisk == 0, countHere == count else {
            throw Problem("a zip file spread over several disks is not supported")
        }
        self = try Self(count: count, size: size, offset: offset, before: place)
        // The record says its size without the first twelve bytes.
        if let rest = region.integer(at: place + 4, as: UInt64.self).flatMap(Int.init(exactly:)), rest < locator - place {
            unclaimedByteCount += max(0, locator - place - 12 - rest)
        }
    }

    private init(count: UInt64, size: UInt64, offset: UInt64, before limit: Int) throws(Problem) {
        let (end, overflow) = offset.addingReportingOverflow(size)
        guard !overflow, end <= UInt64(limit), let entryCount = Int(exactly: count) else {
            throw Problem(
                "the zip directory extends past the end of the file", expected: "\(size) bytes before \(limit)",
                found: "an offset of \(offset)")
        }
        self.entryCount = entryCount
        directorySize = Int(size)
        directoryOffset = Int(offset)
        unclaimedByteCount = limit - Int(end)
    }

    /// The record is followed by a comment of at most 65535 bytes that reaches the file's end exactly.
    private static func find(_ region: ByteRegion) -> Int? {
        guard region.count >= size else { return nil }
        let last = region.count - size
        for position in stride(from: last, through: max(0, last - longestComment), by: -1)
        where region.integer(at: position, as: UInt32.self) == Signature.end {
            if let comment = region.integer(at: position + 20, as: UInt16.self), position + size + Int(comment) == region.count {
                return position
            }
        }
        return nil
    }
}

extension EndRecord {
    /// The last record that is the end of a zip file from the first byte on and has other bytes behind it.
    private static func lastBeforeOthers(_ region: ByteRegion) -> (record: EndRecord, trailing: Int)? {
        for position in records(region, within: searchLimit) {
            guard let comment = region.integer(at: position + 20, as: UInt16.self) else { continue }
            let end = position + size + Int(comment)
            guard let record = try? EndRecord(region, at: position), record.unclaimedByteCount == 0,
                record.entryCount == 0 || region.integer(at: record.directoryOffset, as: UInt32.self) == Signature.centralHeader
            else { continue }
            return (record, region.count - end)
        }
        return nil
    }

    /// The places of what looks like such a record with its comment, from the last one on.
    private static func records(_ region: ByteRegion, within limit: Int) -> [Int] {
        let last = region.count - size
        let first = max(0, last - limit)
        guard last >= first else { return [] }
        return region.withUnsafeBytes { bytes -> [Int] in
            var found: [Int] = []
            var position = last
            while position >= first, found.count < recordLimit {
                if bytes[position] == 0x50, bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian == Signature.end,
                    position + size + Int(bytes.loadUnaligned(fromByteOffset: position + 20, as: UInt16.self).littleEndian) <= bytes.count
                {
                    found.append(position)
                }
                position -= 1
            }
            return found
        }
    }

    /// What looks like the end of a zip file and is none.
    private static let recordLimit = 1 << 10
}

/// One entry of the central directory.
private struct CentralHeader {
    static let size = 46
    private static let localSize = 30
    /// Encryption, strong encryption, and a directory that is encrypted itself.
    private static let encryptionFlags: UInt16 = 0x2041
    /// The method number under which AES-encrypted members hide their own.
    private static let encryptedMethod: UInt16 = 99
    private static let deflated: UInt16 = 8

    let name: String
    let totalSize: Int
    private let nameBytes: [UInt8]
    private let flags: UInt16
    private let method: UInt16
    private let checksum: UInt32
    private let contentSize: UInt64
    private let compressedSize: UInt64
    private let localOffset: UInt64

    init(_ directory: ByteRegion, at position: Int) throws(Problem) {
        guard let header = directory.slice(offset: position, count: Self.size),
            header.integer(at: 0, as: UInt32.self) == Signature.centralHeader,
            let flags = header.integer(at: 8, as: UInt16.self), let method = header.integer(at: 10, as: UInt16.self),
            let checksum = header.integer(at: 16, as: UInt32.self),
            let compressed32 = header.integer(at: 20, as: UInt32.self), let size32 = header.integer(at: 24, as: UInt32.self),
            let nameLength = header.integer(at: 28, as: UInt16.self), let extraLength = header.integer(at: 30, as: UInt16.self),
            let commentLength = header.integer(at: 32, as: UInt16.self), let offset32 = header.integer(at: 42, as: UInt32.self)
        else { throw Problem("the zip directory is damaged", expected: "an entry at byte \(position) of it") }
        let nameStart = position + Self.size
        let extraStart = nameStart + Int(nameLength)
        guard let nameBytes = directory.bytes(nameStart..<extraStart),
            let extra = directory.slice(offset: extraStart, count: Int(extraLength)),
            directory.slice(offset: extraStart + Int(extraLength), count: Int(commentLength)) != nil
        else { throw Problem("the zip directory is truncated", expected: "an entry at byte \(position) of it") }
        self.nameBytes = nameBytes
        name = String(decoding: nameBytes, as: UTF8.self)
        totalSize = Self.size + Int(nameLength) + Int(extraLength) + Int(commentLength)
        self.flags = flags
        self.method = method
        self.checksum = checksum
        // The 64-bit field holds only those of the three that do not fit 32 bits, in this order.
        var wide = Self.wideFields(extra)
        var missing = false
        func widen(_ narrow: UInt32) -> UInt64 {
            guard narrow == .max else { return UInt64(narrow) }
            guard !wide.isEmpty else {
                missing = true
                return 0
            }
            return wide.removeFirst()
        }
        contentSize = widen(size32)
        compressedSize = widen(compressed32)
        localOffset = widen(offset32)
        if missing { throw Problem("the zip directory lacks a 64-bit size", member: name) }
    }

    /// The 64-bit numbers of the extra field that extends an entry's sizes and offset.
    private static func wideFields(_ extra: ByteRegion) -> [UInt64] {
        var position = 0
        while let identifier = extra.integer(at: position, as: UInt16.self), let length = extra.integer(at: position + 2, as: UInt16.self),
            let field = extra.slice(offset: position + 4, count: Int(length))
        {
            if identifier == 1 { return stride(from: 0, to: field.count, by: 8).compactMap { field.integer(at: $0, as: UInt64.self) } }
            position += 4 + Int(length)
        }
        return []
    }

    /// The entry, checked against its local header, and its range of bytes in `contents`, which ends where the directory begins.
    func locate(in contents: ByteRegion) throws(Problem) -> (ZipDirectory.Entry, Range<Int>) {
        guard let offset = Int(exactly: localOffset), let header = contents.slice(offset: offset, count: Self.localSize),
            header.integer(at: 0, as: UInt32.self) == Signature.localHeader,
            let localFlags = header.integer(at: 6, as: UInt16.self), let localMethod = header.integer(at: 8, as: UInt16.self),
            let localCompressed = header.integer(at: 18, as: UInt32.self),
            let nameLength = header.integer(at: 26, as: UInt16.self), let extraLength = header.integer(at: 28, as: UInt16.self)
        else {
            throw Problem("the zip directory points to no local header", member: name, found: "an offset of \(localOffset)")
        }
        let nameStart = offset + Self.localSize
        guard let localName = contents.bytes(nameStart..<nameStart + Int(nameLength)), localName == nameBytes, localMethod == method else {
            throw Problem("the zip's local header differs from its directory", member: name)
        }
        let sizesFollow = localFlags & 0x0008 != 0
        guard sizesFollow || localCompressed == .max || UInt64(localCompressed) == compressedSize else {
            throw Problem(
                "the zip's local header differs from its directory", member: name, expected: "\(compressedSize) bytes",
                found: "\(localCompressed)")
        }
        let isMarked = flags & Self.encryptionFlags != 0
        let isMarkedLocally = localFlags & Self.encryptionFlags != 0
        // Whoever encrypts sets the flag in both headers, and what is encrypted begins with twelve bytes more than the content has.
        // One bit alone hides a member from programs that believe it.
        let isPlain = method == 0 && contentSize == compressedSize && localMethod == 0
        let isFlaggedTwice = isMarked && isMarkedLocally
        let isEncrypted = isFlaggedTwice && method != Self.deflated && !isPlain || method == Self.encryptedMethod
        let start = nameStart + Int(nameLength) + Int(extraLength)
        guard let taken = Int(exactly: compressedSize), let bytes = contents.slice(offset: start, count: taken),
            let size = Int(exactly: contentSize)
        else {
            throw Problem(
                "extends past the end of the zip file", member: name, expected: "at most \(max(contents.count - start, 0)) bytes",
                found: "\(compressedSize)"
            )
        }
        let isStored = method == 0
        guard !isStored || isEncrypted || size == taken else {
            throw Problem("a stored member of two sizes", member: name, expected: "\(taken) bytes", found: "\(size)")
        }
        let entry = ZipDirectory.Entry(
            name: name, size: size, compressedSize: taken, isStored: isStored, region: isStored && !isEncrypted ? bytes : nil,
            isFlaggedEncrypted: isMarked || isMarkedLocally, isFlaggedTwice: isFlaggedTwice, checksum: checksum, stored: bytes,
            problem: isEncrypted ? Problem("is encrypted", member: name) : nil)
        return (entry, offset..<start + taken)
    }
}
