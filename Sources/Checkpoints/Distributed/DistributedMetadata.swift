import Archives
import Text

/// The `.metadata` of a checkpoint that torch.distributed.checkpoint wrote: the tensors, the parts that each consists of, and where
/// each part is stored.
struct DistributedMetadata {
    struct Tensor {
        let name: String
        /// The keys of the nested dictionaries that lead to the tensor.
        let path: [String]
        let shape: [Int]
        /// The type of its elements; nil if the description does not say.
        var dtype: String?
        let parts: [Part]
        /// Why its description cannot be read; nil if it can.
        var problem: Problem?
    }

    struct Part: Hashable {
        let offsets: [Int]
        let sizes: [Int]
    }

    /// Where a part is stored.
    struct Place {
        let file: String
        let offset: Int
        let length: Int
        /// Whether the bytes were changed by an extension, such as a compression.
        let isTransformed: Bool
    }

    /// In the order in which the training process had them.
    let tensors: [Tensor]
    /// The globals that a loader would import beyond the format's own.
    let foreignGlobals: [String]
    private let places: [Key: Place]

    private struct Key: Hashable {
        let name: String
        let offsets: [Int]
    }

    static let fileName = ".metadata"
    private static let module = "torch.distributed.checkpoint."
    private static let rankLimit = 64
    /// The nested dictionaries that lead to a tensor.
    private static let depthLimit = 16

    /// - Throws: ``Problem`` if the bytes are not such a file.
    init(_ region: ByteRegion, path: String) throws(Problem) {
        let pickle: Pickle
        do {
            pickle = try PickleReader.read(region).pickle
        } catch {
            throw error.at(path: path)
        }
        guard let root = pickle.object(pickle.root), pickle.callableName(root.callable) == Self.module + "metadata.Metadata",
            let listing = pickle.member("state_dict_metadata", of: pickle.root), let entries = pickle.members(listing),
            case .dictionary(let storage)? = pickle.member("storage_data", of: pickle.root)
        else { throw Problem(path: path, problem: "is not a description of a distributed checkpoint") }
        let paths = Self.paths(pickle)
        var tensors: [Tensor] = []
        for entry in entries where entry.hasTextKey {
            guard let object = pickle.object(entry.value), pickle.callableName(object.callable).hasSuffix(".TensorStorageMetadata") else {
                continue
            }
            let tensorPath = paths[entry.key] ?? [entry.key]
            do throws(Problem) {
                tensors.append(try Self.tensor(entry, pickle, path: tensorPath))
            } catch {
                tensors.append(Tensor(name: entry.key, path: tensorPath, shape: [], parts: [], problem: error))
            }
        }
        self.tensors = tensors
        places = Self.places(pickle, pickle.dictionaries[storage])
        foreignGlobals = WeightFile.foreignGlobals(of: [pickle]).filter { !$0.hasPrefix(Self.module) && !$0.hasPrefix("pathlib.") }
    }

    /// Where a part of the tensor called `name` is stored.
    func place(of part: Part, name: String) -> Place? { places[Key(name: name, offsets: part.offsets)] }

    /// The files that hold any part of a tensor.
    var files: Set<String> { Set(places.values.map(\.file)) }

    private static func tensor(_ entry: PickleMember, _ pickle: Pickle, path: [String]) throws(Problem) -> Tensor {
        guard let size = pickle.member("size", of: entry.value), let shape = pickle.integers(size, limit: rankLimit),
            let list = pickle.member("chunks", of: entry.value), let chunks = pickle.sequence(list)
        else { throw Problem("has no shape or no parts in the checkpoint's description") }
        var parts: [Part] = []
        for chunk in chunks {
            guard let offsets = pickle.member("offsets", of: chunk).flatMap({ pickle.integers($0, limit: rankLimit) }),
                let sizes = pickle.member("sizes", of: chunk).flatMap({ pickle.integers($0, limit: rankLimit) })
            else { throw Problem("has a part without a place in the checkpoint's description") }
            parts.append(Part(offsets: offsets, sizes: sizes))
        }
        return Tensor(name: entry.key, path: path, shape: shape, dtype: dtype(entry.value, pickle), parts: parts)
    }

    /// The type in a tensor's properties, which are a tuple that begins with it, or a dictionary.
    private static func dtype(_ tensor: PickleValue, _ pickle: Pickle) -> String? {
        guard let properties = pickle.member("properties", of: tensor) else { return nil }
        if let value = pickle.member("dtype", of: properties) { return pickle.typeName(value) }
        guard let state = pickle.object(properties)?.state else { return nil }
        return pickle.sequence(state)?.first.flatMap { pickle.typeName($0) }
    }

    /// The path of each tensor in the dictionaries that were saved; none if the planner left none.
    private static func paths(_ pickle: Pickle) -> [String: [String]] {
        guard let data = pickle.member("planner_data", of: pickle.root), let entries = pickle.members(data) else { return [:] }
        var paths: [String: [String]] = [:]
        for entry in entries {
            let parts = (pickle.sequence(entry.value) ?? []).prefix(depthLimit).compactMap { part in
                pickle.text(part) ?? pickle.integer(part).map { String($0) }
            }
            if !parts.isEmpty { paths[entry.key] = parts }
        }
        return paths
    }

    /// - Parameter items: indices of tensors' parts and their places in turn.
    private static func places(_ pickle: Pickle, _ items: [PickleValue]) -> [Key: Place] {
        var places: [Key: Place] = [:]
        for start in stride(from: 0, to: items.count - 1, by: 2) {
            guard let index = pickle.members(items[start]), let info = pickle.members(items[start + 1]),
                let name = index.first(where: { $0.key == "fqn" }).flatMap({ pickle.text($0.value) }),
                let offsets = index.first(where: { $0.key == "offset" }).flatMap({ pickle.integers($0.value, limit: rankLimit) }),
                let file = info.first(where: { $0.key == "relative_path" }).flatMap({ pickle.text($0.value) }),
                let offset = info.first(where: { $0.key == "offset" }).flatMap({ pickle.integer($0.value) }),
                let length = info.first(where: { $0.key == "length" }).flatMap({ pickle.integer($0.value) })
            else { continue }
            var isTransformed = false
            switch info.first(where: { $0.key == "transform_descriptors" })?.value {
            case nil, .some(.none): break
            case .some(let value): isTransformed = pickle.sequence(value)?.isEmpty != true
            }
            places[Key(name: name, offsets: offsets)] = Place(file: file, offset: offset, length: length, isTransformed: isTransformed)
        }
        return places
    }
}
