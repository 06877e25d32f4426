import Text

extension ZipDirectory {
    /// The contents of compressed members, spooled; their checksums are verified.
    ///
    /// - Parameters:
    ///   - names: the members, all of them in this directory.
    ///   - region: the bytes of the whole zip file.
    /// - Throws: ``Problem`` where a member is damaged, is not of the size that the directory says, or unpacks to too much.
    package func inflate(_ names: Set<String>, from region: ByteRegion) throws(Problem) -> [String: ByteRegion] {
        guard !names.isEmpty else { return [:] }
        let sizes = Dictionary(entries.map { ($0.name, $0.size) }) { first, _ in first }
        guard let reader = try ArchiveReader(region) else { throw Problem("is no zip file") }
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

    /// The first bytes of compressed members, at most `count` of each.
    ///
    /// - Throws: ``Problem`` where the zip file is damaged.
    package func heads(of names: Set<String>, count: Int, from region: ByteRegion) throws(Problem) -> [String: [UInt8]] {
        guard !names.isEmpty else { return [:] }
        guard let reader = try ArchiveReader(region) else { throw Problem("is no zip file") }
        var heads: [String: [UInt8]] = [:]
        while heads.count < names.count, let member = try reader.next() {
            if names.contains(member.name), member.kind == .file { heads[member.name] = try reader.head(count) }
        }
        return heads
    }
}
