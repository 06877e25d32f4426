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

    /// The contents of compressed members, each by itself: one that is damaged takes no other with it.
    ///
    /// - Parameters as of ``inflate(_:from:)``.
    package func inflateEach(_ names: Set<String>, from region: ByteRegion) -> [String: Result<ByteRegion, Problem>] {
        let sizes = Dictionary(entries.map { ($0.name, $0.size) }) { first, _ in first }
        var contents: [String: Result<ByteRegion, Problem>] = [:]
        var rest = names
        var problem = Problem("cannot be found again in the zip file")
        // A reader that met damage reads no further: a new one passes over it.
        for _ in 0..<Self.restartLimit where !rest.isEmpty {
            do throws(Problem) {
                guard let reader = try ArchiveReader(region) else { break }
                var isWhole = true
                while isWhole, !rest.isEmpty, let member = try reader.next() {
                    guard member.kind == .file, rest.remove(member.name) != nil else { continue }
                    do throws(Problem) {
                        let content = try reader.content()
                        guard content.count == sizes[member.name] else {
                            throw Problem(
                                "the zip directory and the member disagree", member: member.name,
                                expected: "\(sizes[member.name] ?? 0) bytes", found: "\(content.count)")
                        }
                        contents[member.name] = .success(content)
                    } catch {
                        contents[member.name] = .failure(error)
                        isWhole = false
                    }
                }
                if isWhole { break }
            } catch {
                problem = error
                break
            }
        }
        for name in rest {
            problem.member = name
            contents[name] = .failure(problem)
        }
        return contents
    }

    /// How many damaged members are passed over.
    private static let restartLimit = 16

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
