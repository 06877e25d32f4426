import Archives
import Text

/// The `.npz` format: a zip of `.npy` files. Stored arrays are used in place, compressed ones are unpacked.
enum NPZ {
    private static let suffix = ".npy"

    /// Whether the zip file holds arrays and nothing else.
    static func isRecognised(_ directory: ZipDirectory) -> Bool {
        let files = directory.entries.filter { !$0.isDirectory }
        return !files.isEmpty && files.allSatisfy { $0.name.hasSuffix(suffix) }
    }

    /// The arrays in the file's order, each named as its member without `.npy`.
    ///
    /// - Parameter region: the bytes of the whole zip file.
    /// - Throws: ``Problem`` where a member is damaged or holds something else than numbers.
    static func read(_ directory: ZipDirectory, region: ByteRegion, path: String) throws -> WeightFile {
        let files = directory.entries.filter { !$0.isDirectory }
        let unpacked: [String: ByteRegion]
        do {
            unpacked = try directory.inflate(Set(files.filter { !$0.isStored }.map(\.name)), from: region)
        } catch {
            throw error.at(path: path)
        }
        let tensors = try files.map { entry in
            guard let bytes = entry.region ?? unpacked[entry.name] else {
                throw Problem(path: path, problem: "member '\(entry.name)' has no content")
            }
            return try NPY.record(bytes, name: String(entry.name.dropLast(suffix.count)), path: path)
        }
        return WeightFile(format: "npz", models: [.init(key: "", tensors: tensors)], keepsOrder: true)
    }
}
