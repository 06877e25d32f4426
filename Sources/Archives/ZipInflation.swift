import Text

extension ZipDirectory {
    /// What members may unpack to whatever the file's own size.
    private static let unpackedLimit = 1 << 30

    /// The contents of compressed members, spooled; their checksums are verified.
    ///
    /// - Parameters:
    ///   - names: the members, all of them in this directory.
    ///   - region: the bytes of the whole zip file.
    /// - Throws: ``Problem`` if a member is damaged, has another size than the directory gives, or unpacks to too much.
    package func inflate(_ names: Set<String>, from region: ByteRegion) throws(Problem) -> [String: ByteRegion] {
        var contents: [String: ByteRegion] = [:]
        var names = names
        try checkTotal(of: names, region)
        for entry in flagged(names) {
            contents[entry.name] = try entry.inflateAlone()
            names.remove(entry.name)
        }
        guard !names.isEmpty else { return contents }
        return contents.merging(try inflateTogether(names, from: region)) { first, _ in first }
    }

    private func checkTotal(of names: Set<String>, _ region: ByteRegion) throws(Problem) {
        let total = entries.lazy.filter { names.contains($0.name) }.reduce(0) { $0 &+ min($1.size, 1 << 40) }
        guard total <= max(Self.unpackedLimit, region.count.multipliedReportingOverflow(by: 200).partialValue) else {
            throw Problem("its members unpack to too much", expected: "at most 200 times the file's size", found: "\(total) bytes")
        }
    }

    /// Those of the members that a header calls encrypted, which are unpacked alone.
    private func flagged(_ names: Set<String>) -> [Entry] { entries.filter { $0.isFlaggedEncrypted && names.contains($0.name) } }

    private func inflateTogether(_ names: Set<String>, from region: ByteRegion) throws(Problem) -> [String: ByteRegion] {
        let sizes = Dictionary(entries.map { ($0.name, $0.size) }) { first, _ in first }
        guard let reader = try ArchiveReader(region) else { throw Problem("is not a zip file") }
        var contents: [String: ByteRegion] = [:]
        while contents.count < names.count, let member = try reader.next() {
            guard names.contains(member.name), member.kind == .file else { continue }
            let content = try reader.content()
            guard content.count == sizes[member.name] else {
                throw Problem(
                    "the zip directory and the member disagree", member: member.name, expected: "\(sizes[member.name] ?? 0) bytes",
                    found: "\(content.count)")
            }
            contents[member.name] = content
        }
        if let missing = names.subtracting(contents.keys).min() {
            throw Problem("cannot be found again in the zip file", member: missing)
        }
        return contents
    }

    /// The contents of compressed members, each independent of the others: one that is damaged does not affect the rest.
    ///
    /// - Parameters as of ``inflate(_:from:)``.
    package func inflateEach(_ names: Set<String>, from region: ByteRegion) -> [String: Result<ByteRegion, Problem>] {
        let sizes = Dictionary(entries.map { ($0.name, $0.size) }) { first, _ in first }
        var contents: [String: Result<ByteRegion, Problem>] = [:]
        var rest = names
        for entry in flagged(names) {
            rest.remove(entry.name)
            contents[entry.name] = Result { () throws(Problem) in
                try checkTotal(of: [entry.name], region)
                return try entry.inflateAlone()
            }
        }
        let damage = readEach(rest, from: region) { reader, name throws(Problem) in
            let content = try reader.content()
            guard content.count == sizes[name] else {
                throw Problem(
                    "the zip directory and the member disagree", member: name, expected: "\(sizes[name] ?? 0) bytes",
                    found: "\(content.count)")
            }
            contents[name] = .success(content)
        }
        return contents.merging(damage.mapValues { .failure($0) }) { $1 }
    }

    /// Calls `body` with a reader that is at the content of each member, whatever is wrong with the others.
    ///
    /// - Returns: what `body` threw, and why members were not reached.
    private func readEach(
        _ names: Set<String>, from region: ByteRegion, _ body: (ArchiveReader, String) throws(Problem) -> Void
    ) -> [String: Problem] {
        var rest = names
        var damage: [String: Problem] = [:]
        var reason = Problem("cannot be found again in the zip file")
        var isOver = false
        // A reader that met damage reads no further: a new one passes over it.
        while !isOver, !rest.isEmpty {
            guard damage.count < Self.restartLimit else {
                reason = Problem("was not read, since too many other members are damaged")
                break
            }
            isOver = true
            do throws(Problem) {
                guard let reader = try ArchiveReader(region) else { break }
                while isOver, !rest.isEmpty, let member = try reader.next() {
                    guard member.kind == .file, rest.remove(member.name) != nil else { continue }
                    do throws(Problem) {
                        try body(reader, member.name)
                    } catch {
                        damage[member.name] = error
                        isOver = false
                    }
                }
            } catch {
                reason = error
            }
        }
        for name in rest {
            reason.member = name
            damage[name] = reason
        }
        return damage
    }

    /// What is wrong with the stored members of `names`, by their checksums. Nothing is kept of what is read.
    ///
    /// A member that a header calls encrypted is not verified.
    ///
    /// - Parameter region: the bytes of the whole zip file.
    package func damage(in names: Set<String>, of region: ByteRegion) -> [String: Problem] {
        let verified = Set(entries.lazy.filter { names.contains($0.name) && $0.region != nil && !$0.isFlaggedEncrypted }.map(\.name))
        let damage = readEach(verified, from: region) { reader, _ throws(Problem) in try reader.verify() }
        for entry in entries where names.contains(entry.name) { entry.region?.discardPages() }
        return damage
    }

    /// How many damaged members may be skipped.
    private static let restartLimit = 16

    /// The first bytes of compressed members, at most `count` of each.
    ///
    /// - Throws: ``Problem`` if the zip file is damaged.
    package func heads(of names: Set<String>, count: Int, from region: ByteRegion) throws(Problem) -> [String: [UInt8]] {
        var heads: [String: [UInt8]] = [:]
        var names = names
        for entry in flagged(names) {
            names.remove(entry.name)
            // One that is encrypted is no head of anything.
            heads[entry.name] = try? entry.readAlone { reader throws(Problem) in try reader.head(count) }
        }
        guard !names.isEmpty else { return heads }
        let wanted = heads.count + names.count
        guard let reader = try ArchiveReader(region) else { throw Problem("is not a zip file") }
        while heads.count < wanted, let member = try reader.next() {
            if names.contains(member.name), member.kind == .file { heads[member.name] = try reader.head(count) }
        }
        return heads
    }
}

extension ZipDirectory.Entry {
    /// The content of a deflated member, unpacked without its neighbours and whatever its headers say of encryption.
    ///
    /// - Throws: ``Problem`` if the member is encrypted, damaged or of another size.
    package func inflateAlone() throws(Problem) -> ByteRegion {
        if let region { return region }
        let size = size
        return try readAlone { reader throws(Problem) in
            let content = try reader.content()
            guard content.count == size else {
                throw Problem("the zip directory and the member disagree", expected: "\(size) bytes", found: "\(content.count)")
            }
            return content
        }
    }

    /// Calls `body` with a reader of the member alone.
    ///
    /// Its bytes are put into a zip file of their own, so that its checksum is verified like that of any other.
    fileprivate func readAlone<Content>(_ body: (ArchiveReader) throws(Problem) -> Content) throws(Problem) -> Content {
        guard let count = UInt32(exactly: stored.count), let size32 = UInt32(exactly: size), count < .max, size32 < .max else {
            throw Problem("is marked as encrypted and too large to check", member: name)
        }
        // The version that reads it, no flags, deflated, no time.
        let common = Self.little(UInt16(20)) + Self.little(UInt16(0)) + Self.little(UInt16(8)) + Self.little(UInt32(0))
        let sizes = Self.little(checksum) + Self.little(count) + Self.little(size32)
        let local: [UInt8] = [0x50, 0x4B, 3, 4] + common + sizes + Self.little(UInt16(1)) + Self.little(UInt16(0)) + [0x61]
        var file = local
        file += stored.bytes(0..<stored.count) ?? []
        let start = UInt32(truncatingIfNeeded: file.count)
        let central: [UInt8] =
            [0x50, 0x4B, 1, 2] + Self.little(UInt16(20)) + common + sizes + Self.little(UInt16(1)) + [UInt8](repeating: 0, count: 16) + [
                0x61
            ]
        file += central + [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0] + Self.little(UInt32(truncatingIfNeeded: central.count))
        file += Self.little(start) + [0, 0]
        do throws(Problem) {
            guard let reader = try ArchiveReader(ByteRegion(copying: file), unpackedLimit: max(size, 1)), try reader.next() != nil else {
                throw Problem("is not compressed as the zip directory declares")
            }
            return try body(reader)
        } catch {
            // What both headers call encrypted and cannot be unpacked is encrypted.
            if isFlaggedTwice { throw Problem("is encrypted", member: name) }
            // The file made here calls its member by another name.
            throw Problem(error.what, member: name, expected: error.expected, found: error.found)
        }
    }

    private static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
