import Archives
import Text

/// The members of a tar, plain or compressed.
///
/// One pass lists the members and keeps those that are likely to be wanted; what else is wanted costs a second pass.
/// Of two members of one name the later counts, as when unpacking.
final class ArchiveContainer: Container {
    let path: String
    let label: String
    let files: [ContainerFile]

    private let region: ByteRegion
    private var kept: [String: ByteRegion] = [:]
    /// Links, and the names of the regular members that they lead to.
    private let aliases: [String: String]

    /// Lists the archive that `reader` has opened over `region`.
    ///
    /// - Parameter member: the member that the user requested; only it and its neighbours are unpacked then.
    init(_ reader: ArchiveReader, region: ByteRegion, path: String, member: String?) throws {
        self.path = path
        self.region = region
        label = reader.label
        var listed: [String: ContainerFile] = [:]
        var order: [String] = []
        var links: [String: String] = [:]
        var expectation = Expectation(member: member)
        var kept: [String: ByteRegion] = [:]
        do throws(Problem) {
            while let entry = try reader.next() {
                let name = MemberPath.trimmed(entry.name)
                switch entry.kind {
                case .file:
                    let head = ModelFiles.mayBeModel(MemberPath.baseName(name)) ? try reader.head(ContainerFile.headLength) : []
                    let file = ContainerFile(name: name, size: entry.size, head: head)
                    // A later member replaces an earlier one of its name.
                    if let earlier = listed.updateValue(file, forKey: name) {
                        guard DistinctNames.areSame(earlier.name, name) else { throw Problem(DistinctNames.normalisation, member: name) }
                    } else {
                        order.append(name)
                    }
                    kept[name] = expectation.wants(file) ? try reader.content() : nil
                case .hardLink(let target):
                    links[name] = MemberPath.trimmed(target)
                case .symbolicLink(let target):
                    links[name] = MemberPath.resolve(target, in: MemberPath.folder(name))
                case .directory, .special:
                    break
                }
            }
        } catch {
            throw error.at(path: path)
        }
        var aliases: [String: String] = [:]
        for name in links.keys.sorted() where listed[name] == nil {
            if let target = Self.follow(name, links), let file = listed[target] {
                aliases[name] = target
                order.append(name)
                listed[name] = ContainerFile(name: name, size: file.size, head: file.head)
            }
        }
        // The target of a link is the same model under a less useful name.
        let hidden = Set(aliases.values)
        files = order.compactMap { hidden.contains($0) ? nil : listed[$0] }
        self.aliases = aliases
        self.kept = kept
    }

    func contents(of names: Set<String>) throws -> [String: ByteRegion] {
        let wanted = Set(names.map { aliases[$0] ?? $0 })
        let missing = wanted.subtracting(kept.keys)
        if !missing.isEmpty {
            do {
                // The last of several members of one name is the one that counts.
                let reader = try ArchiveReader(region)
                while let entry = try reader?.next() {
                    let name = MemberPath.trimmed(entry.name)
                    if entry.kind == .file, missing.contains(name) { kept[name] = try reader?.content() }
                }
            } catch {
                throw error.at(path: path)
            }
        }
        var contents: [String: ByteRegion] = [:]
        for name in names {
            guard let bytes = kept[aliases[name] ?? name] else {
                throw Problem(path: displayPath(name), problem: "cannot be found again in the archive")
            }
            contents[name] = bytes
        }
        return contents
    }

    func sources(of weights: [ByteRegion]) -> [ByteRegion] { [region] }

    func displayPath(_ name: String) -> String { path + "!" + name }

    private static func follow(_ name: String, _ links: [String: String]) -> String? {
        var name = name
        for _ in 0..<8 {
            guard let target = links[name] else { return name }
            name = target
        }
        return nil
    }

    /// Guesses, while the archive passes by, which members will be needed.
    private struct Expectation {
        let member: String?
        private var hasCandidate = false

        init(member: String?) { self.member = member }

        mutating func wants(_ file: ContainerFile) -> Bool {
            if let member, file.name != member, file.folder != MemberPath.folder(member), !file.name.hasPrefix(member + "/") {
                return false
            }
            if Companions.isCompanion(file.baseName) || ModelFiles.isIndex(file.baseName) { return true }
            guard ModelFiles.isCandidate(file) else { return false }
            if file.name == member || ModelFiles.isShard(file.baseName) || ModelFiles.rank(file.baseName) != nil { return true }
            // A second model of no standard name makes the choice the user's, and unpacking it before that a waste.
            defer { hasCandidate = true }
            return !hasCandidate
        }
    }
}
