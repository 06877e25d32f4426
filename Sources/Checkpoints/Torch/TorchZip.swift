import Archives
import Text

/// The zip files that `torch.save` has written since PyTorch 1.6, and archives of TorchScript, which hold code too.
enum TorchZip {
    /// Whether a zip file is one of PyTorch's: `data.pkl` is in its only top folder.
    static func isTorchZip(_ directory: ZipDirectory) -> Bool { pickleEntry(directory) != nil }

    /// Reads a file's models; storages are used in place unless another program has compressed them.
    ///
    /// - Parameters:
    ///   - region: the bytes of the whole file.
    ///   - path: the file, for messages.
    /// - Throws: ``Problem`` for damaged and big-endian files, for unsupported tensors, and if there are no tensors.
    static func read(_ directory: ZipDirectory, region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        guard let folder = folder(directory) else {
            throw Problem(path: path, problem: "not a PyTorch file", expected: "FOLDER/data.pkl in the zip file")
        }
        let members = TorchMembers(directory, region: region, folder: folder)
        do throws(Problem) {
            try members.checkByteOrder()
            let pickle = try members.pickle("data.pkl")
            if isScript(directory, folder) { return try ScriptArchive.read(pickle, members, path: path) }
            return try WeightFile(format: "PyTorch zip", pickle: pickle, path: path, storages: members.storages(of: pickle, in: "data/"))
        } catch {
            throw error.at(path: path)
        }
    }

    /// Whether a zip file is an archive of TorchScript, which has its code and the constants of it.
    static func isScript(_ directory: ZipDirectory) -> Bool { folder(directory).map { isScript(directory, $0) } ?? false }

    private static func isScript(_ directory: ZipDirectory, _ folder: String) -> Bool {
        directory.entries.contains { $0.name == folder + "constants.pkl" }
    }

    /// The folder of the file's members, with a slash at its end; nil if the zip file is not PyTorch's.
    static func folder(_ directory: ZipDirectory) -> String? {
        pickleEntry(directory).map { String($0.name.dropLast("data.pkl".utf8.count)) }
    }

    private static func pickleEntry(_ directory: ZipDirectory) -> ZipDirectory.Entry? {
        directory.entries.first { entry in
            let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
            return parts.last == "data.pkl" && parts.count <= 2
        }
    }
}

/// The members of a zip file that are in PyTorch's folder.
struct TorchMembers {
    /// The names inside the folder.
    var names: Set<String> { Set(entries.keys) }

    private let directory: ZipDirectory
    private let region: ByteRegion
    private let entries: [String: ZipDirectory.Entry]

    /// - Parameter folder: with the slash at its end, or empty.
    init(_ directory: ZipDirectory, region: ByteRegion, folder: String) {
        self.directory = directory
        self.region = region
        var entries: [String: ZipDirectory.Entry] = [:]
        for entry in directory.entries where entry.name.hasPrefix(folder) {
            entries[String(entry.name.dropFirst(folder.count))] = entry
        }
        self.entries = entries
    }

    /// The bytes of a member; nil if there is no member of that name.
    func contents(_ name: String) throws(Problem) -> ByteRegion? {
        guard let entry = entries[name] else { return nil }
        if let problem = entry.problem { throw problem }
        if let region = entry.region { return region }
        return try directory.inflate([entry.name], from: region)[entry.name]
    }

    /// - Throws: ``Problem`` for files that a big-endian machine wrote.
    func checkByteOrder() throws(Problem) {
        if let order = try contents("byteorder")?.bytes(0..<3), order.elementsEqual("big".utf8) {
            throw Problem(problem: "a big-endian file is not supported", expected: "little-endian")
        }
    }

    /// The text of a member with code; nil if there is none, or if it is too long.
    func code(_ name: String) -> String? {
        guard let entry = entries[name], entry.size <= 1 << 20, let bytes = try? contents(name) else { return nil }
        return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// The pickle in a member.
    func pickle(_ name: String) throws(Problem) -> Pickle {
        guard let bytes = try contents(name) else { throw Problem(problem: "no member '\(name)'") }
        do {
            return try PickleReader.read(bytes).pickle
        } catch {
            throw error.about("member '\(entries[name]?.name ?? name)'")
        }
    }

    /// Where the storages are that a pickle names: members of `folder`, of which the compressed ones are unpacked together when the
    /// first of them is requested.
    func storages(of pickle: Pickle, in folder: String) -> StorageLookup {
        let compressed = CompressedMembers(self, names: pickle.storageKeys.map { folder + $0 })
        return { (key, byteCount) throws(Problem) in
            guard let entry = entries[folder + key] else {
                throw Problem(problem: "its storage is not in the file", expected: "member '\(folder)\(key)'")
            }
            guard entry.size == byteCount else {
                throw Problem(
                    problem: "its storage '\(folder)\(key)' has the wrong size", expected: "\(byteCount) bytes", found: "\(entry.size)")
            }
            if let region = entry.region { return region }
            return try compressed.contents(folder + key)
        }
    }

    /// Compressed members, each unpacked once.
    private final class CompressedMembers {
        private let members: TorchMembers
        private let names: [String]
        private var contents: [String: ByteRegion]?

        init(_ members: TorchMembers, names: [String]) {
            self.members = members
            self.names = names
        }

        func contents(_ name: String) throws(Problem) -> ByteRegion {
            if contents == nil {
                let wanted = Set(names.compactMap { members.entries[$0] }.filter { $0.region == nil && $0.problem == nil }.map(\.name))
                // One damaged member must not hide the others: it fails again if it is requested.
                contents = (try? members.directory.inflate(wanted, from: members.region)) ?? [:]
            }
            if let entry = members.entries[name], let bytes = contents?[entry.name] { return bytes }
            guard let bytes = try members.contents(name) else { throw Problem(problem: "its storage is not in the file") }
            return bytes
        }
    }
}

extension Pickle {
    /// The keys of the storages that the pickle names, without values that are not keys.
    fileprivate var storageKeys: [String] {
        persistentIdentifiers.compactMap { identifier in
            guard let parts = tuple(identifier), parts.count >= 3 else { return nil }
            return storageKey(parts[parts.startIndex + 2])
        }
    }
}
