import Archives
import Text

/// What `torch.save` wrote, in its zip or its older form: the pickle, and where the storages are that it names.
struct TorchFile {
    let pickle: Pickle
    let storages: StorageLookup
    private let tensors: TorchTensors
    private let path: String

    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` if the bytes are not such a file, or if it is damaged.
    init(_ region: ByteRegion, path: String) throws(Problem) {
        self.path = path
        do throws(Problem) {
            if let directory = try ZipDirectory(region) {
                guard let folder = TorchZip.folder(directory) else { throw Problem(problem: "not a PyTorch file") }
                let members = TorchMembers(directory, region: region, folder: folder)
                try members.checkByteOrder()
                pickle = try members.pickle("data.pkl")
                storages = members.storages(of: pickle, in: "data/")
            } else {
                let stream = try TorchLegacyStream(region)
                pickle = stream.pickle
                storages = stream.storage
            }
        } catch {
            throw error.at(path: path)
        }
        tensors = TorchTensors(pickle: pickle, storages: storages)
    }

    /// The tensor that a value of the pickle is; nil for other data.
    func record(_ value: PickleValue, name: String) throws(Problem) -> TensorRecord? {
        guard let source = pickle.tensorSource(value) else { return nil }
        switch tensors.record(name: name, source: source, path: path) {
        case .record(let record): return record
        case .unreadable(let tensor): throw tensor.problem
        }
    }

    /// The value under `key` of the file's dictionary.
    subscript(key: String) -> PickleValue? { pickle.member(key, of: pickle.root) }
}

extension Pickle {
    /// The value under `key` of a dictionary or an object.
    func member(_ key: String, of value: PickleValue) -> PickleValue? {
        members(value)?.first { $0.key == key }?.value
    }
}
