import Archives
import Text

/// The zip files that `torch.save` writes since PyTorch 1.6, and TorchScript archives, whose modules are read as data.
enum TorchZip {
    /// Whether a zip file is one of PyTorch's: `data.pkl` lies in its one top folder.
    static func isTorchZip(_ directory: ZipDirectory) -> Bool { pickleEntry(directory) != nil }

    /// Reads a file's models; storages stay where they are in the file.
    ///
    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` for damaged, compressed and big-endian files, for tensors that are not read, and where there are none.
    static func read(_ directory: ZipDirectory, path: String) throws(Problem) -> WeightFile {
        guard let pickleEntry = pickleEntry(directory) else {
            throw Problem(path: path, problem: "no PyTorch file", expected: "FOLDER/data.pkl in the zip file")
        }
        let folder = pickleEntry.name.dropLast("data.pkl".utf8.count)
        var entries: [String: ZipDirectory.Entry] = [:]
        for entry in directory.entries where entry.name.hasPrefix(folder) {
            entries[String(entry.name.dropFirst(folder.count))] = entry
        }
        if let order = entries["byteorder"]?.region?.bytes(0..<3), order.elementsEqual("big".utf8) {
            throw Problem(path: path, problem: "a big-endian file is not supported", expected: "little-endian")
        }
        let pickle: Pickle
        do throws(Problem) {
            let content = try contents(pickleEntry)
            do { pickle = try PickleReader.read(content).pickle } catch { throw error.at(path: path + "!" + pickleEntry.name) }
        } catch {
            throw error.at(path: path)
        }
        let isScript = entries["constants.pkl"] != nil
        return try WeightFile(format: isScript ? "TorchScript zip" : "PyTorch zip", pickle: pickle, path: path) {
            (key, byteCount) throws(Problem) in
            guard let entry = entries["data/" + key] else {
                throw Problem(problem: "its storage is not in the file", expected: "member 'data/\(key)'")
            }
            let bytes = try contents(entry)
            guard bytes.count == byteCount else {
                throw Problem(
                    problem: "its storage 'data/\(key)' has another size", expected: "\(byteCount) bytes", found: "\(bytes.count)")
            }
            return bytes
        }
    }

    private static func pickleEntry(_ directory: ZipDirectory) -> ZipDirectory.Entry? {
        directory.entries.first { entry in
            let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
            return parts.last == "data.pkl" && parts.count <= 2
        }
    }

    private static func contents(_ entry: ZipDirectory.Entry) throws(Problem) -> ByteRegion {
        guard let region = entry.region else {
            throw Problem(
                problem: "member '\(entry.name)' is compressed", expected: "the stored members that torch.save writes",
                hint: "unpack it and zip it again with -0")
        }
        return region
    }
}
