import Archives
import Text

/// The `.npz` format: a zip of `.npy` files. Stored arrays are used in place, compressed ones are unpacked; the checksums of both are
/// verified, as numpy does.
enum NPZ {
    private static let suffix = ".npy"

    /// Whether the zip file holds arrays and nothing else.
    static func isRecognised(_ directory: ZipDirectory) -> Bool {
        let files = directory.entries.filter { !$0.isDirectory }
        return !files.isEmpty && files.allSatisfy { $0.name.hasSuffix(suffix) }
    }

    /// The arrays in the file's order, each named as its member without `.npy`; kernels of Keras and Flax as [out, in].
    ///
    /// - Parameter region: the bytes of the whole zip file.
    /// Members that are damaged or hold something else than numbers cannot be read; the others can.
    static func read(_ directory: ZipDirectory, region: ByteRegion, path: String) -> WeightFile {
        let files = directory.entries.filter { !$0.isDirectory }
        let compressed = Set(files.filter { $0.region == nil && $0.problem == nil }.map(\.name))
        // What does not begin as an array is not unpacked: a member of a megabyte can be a gigabyte of nothing.
        let heads = (try? directory.heads(of: compressed, count: NPYHeader.magic.count, from: region)) ?? [:]
        let others = heads.filter { !NPY.isRecognised($0.value) }
        let unpacked = directory.inflateEach(compressed.subtracting(others.keys), from: region)
        let damage = directory.damage(in: Set(files.map(\.name)), of: region)
        let tensors = files.map { entry -> ReadTensor in
            let name = String(entry.name.dropLast(suffix.count))
            if let head = others[entry.name] { return NPY.tensor(ByteRegion(copying: head), name: name, path: path) }
            do {
                let content =
                    (entry.problem ?? damage[entry.name]).map { .failure($0) } ?? entry.region.map { .success($0) } ?? unpacked[entry.name]
                guard let bytes = try content?.get() else { throw Problem("has no content", member: entry.name) }
                return NPY.tensor(bytes, name: name, path: path)
            } catch {
                let problem = error as? Problem ?? Problem("cannot be read", member: entry.name)
                return .unreadable(UnreadableTensor(name: name, problem: problem, path: path))
            }
        }
        return WeightFile(format: "npz", models: [.init(key: "", tensors)], keepsOrder: true).readingKernels()
    }
}
