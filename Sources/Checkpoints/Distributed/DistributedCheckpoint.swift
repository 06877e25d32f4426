import Archives
import Text

/// Checkpoints of torch.distributed.checkpoint, including FSDP's sharded ones: a description, and the files of every process, among which a
/// tensor is divided.
struct DistributedCheckpoint {
    private let metadata: DistributedMetadata
    /// The bytes of the files that exist.
    private let files: [String: ByteRegion]
    /// How errors name a file.
    private let displayPath: (String) -> String

    /// The ending of the files of parts.
    static let partEnding = ".distcp"

    /// Reads the checkpoint whose description is `index`.
    ///
    /// - Returns: the models, and the bytes that were read.
    /// - Throws: ``Problem`` if the description is damaged.
    static func read(_ container: some Container, index: ContainerFile, _ bytes: ByteRegion) throws -> (WeightFile, [ByteRegion]) {
        let metadata = try DistributedMetadata(bytes, path: container.displayPath(index.name))
        let present = Set(container.files.map(\.name))
        let names = metadata.files.filter { !$0.contains("/") && present.contains(MemberPath.join(index.folder, $0)) }
        // Only the parts that should be in an empty file are missing.
        let empty = Set(container.files.lazy.filter { $0.size == 0 }.map(\.name))
        let paths = names.map { MemberPath.join(index.folder, $0) }
        let contents = try container.contents(of: Set(paths.filter { !empty.contains($0) }))
        var files: [String: ByteRegion] = [:]
        for (name, path) in zip(names, paths) { files[name] = empty.contains(path) ? ByteRegion(copying: []) : contents[path] }
        let checkpoint = DistributedCheckpoint(metadata: metadata, files: files) {
            container.displayPath(MemberPath.join(index.folder, $0))
        }
        let weights = try checkpoint.weights(path: container.displayPath(index.name))
        return (weights, [bytes] + files.keys.sorted { $0.precedesNaturally($1) }.compactMap { files[$0] })
    }

    /// The models among the tensors, found as in a file of PyTorch with the same dictionaries.
    private func weights(path: String) throws(Problem) -> WeightFile {
        let tree = TensorTree(metadata.tensors.map { (path: $0.path, shape: $0.shape) })
        let candidates: [ModelSearch.Candidate]
        do {
            candidates = try ModelSearch.candidates(in: tree.pickle)
        } catch {
            throw Problem(path: path, problem: "the checkpoint nests its tensors deeper than a model does")
        }
        var models: [WeightFile.Model] = []
        // Every byte belongs to one part: a description that points to the same ones again and again is none of a checkpoint.
        var rest = files.values.reduce(1 << 20) { $0 + $1.count }
        for candidate in candidates {
            var tensors: [TensorRecord] = []
            var unreadable: [UnreadableTensor] = []
            for entry in candidate.entries {
                guard let tensor = tree.place(entry.value).map({ metadata.tensors[$0] }) else { continue }
                do throws(Problem) {
                    if let problem = tensor.problem { throw problem }
                    tensors.append(try record(tensor, name: entry.name, budget: &rest))
                } catch {
                    unreadable.append(
                        UnreadableTensor(name: entry.name, dtype: tensor.dtype, shape: tensor.shape, problem: error, path: path))
                }
            }
            models.append(.init(key: candidate.key, tensors: tensors, unreadable: unreadable))
        }
        return WeightFile(
            format: "PyTorch distributed checkpoint", models: models, keepsOrder: true, foreignGlobals: metadata.foreignGlobals)
    }

    private func record(
        _ tensor: DistributedMetadata.Tensor, name: String, budget: inout Int
    ) throws(Problem) -> TensorRecord {
        var blocks: [BlockValues.Block] = []
        for part in tensor.parts {
            guard let place = metadata.place(of: part, name: tensor.name) else {
                throw Problem("has a part that no file holds", found: "a part at \(part.offsets)")
            }
            let bytes = try bytes(at: place)
            guard bytes.count <= budget else {
                throw Problem("shares its parts with too many others", expected: "at most \(budget) bytes", found: "\(bytes.count)")
            }
            budget -= bytes.count
            let record = try record(bytes, of: place)
            guard record.shape == part.sizes else {
                throw Problem(
                    "has a part of the wrong shape in '\(place.file)'", expected: "\(part.sizes)", found: "\(record.shape)")
            }
            blocks.append(.init(record: record, offsets: part.offsets))
        }
        return try .assembled(
            name: name, shape: tensor.shape, blocks: blocks, summary: "\(tensor.parts.count) parts of a distributed checkpoint")
    }

    private func bytes(at place: DistributedMetadata.Place) throws(Problem) -> ByteRegion {
        guard let file = files[place.file] else { throw Problem("has a part in a file that is missing", expected: "'\(place.file)'") }
        guard !place.isTransformed else { throw Problem("has a part that an extension has transformed, which is not supported") }
        guard let bytes = file.slice(offset: place.offset, count: place.length) else {
            throw Problem(
                "has a part that leaves '\(place.file)'", expected: "\(place.length) bytes from \(place.offset)",
                found: "a file of \(file.count) bytes")
        }
        return bytes
    }

    /// The tensor that `torch.save` wrote at a place of a file.
    private func record(_ bytes: ByteRegion, of place: DistributedMetadata.Place) throws(Problem) -> TensorRecord {
        let saved = try TorchFile(bytes, path: displayPath(place.file))
        guard let record = try saved.record(saved.pickle.root, name: "tensor") else {
            throw Problem("has a part in '\(place.file)' that is not a tensor")
        }
        return record
    }
}

/// Tensors in nested dictionaries, as a pickle would hold them, so that models are found among them as in one.
struct TensorTree {
    private(set) var pickle = Pickle()
    /// The place of each tensor in the list that the tree was made of, by its object in the pickle.
    private var places: [Int] = []

    init(_ tensors: [(path: [String], shape: [Int])]) {
        pickle.globals = [Pickle.Global(module: "torch._utils", name: "_rebuild_tensor_v2")]
        pickle.dictionaries = [[]]
        pickle.root = .dictionary(0)
        var folders: [[String]: Int] = [[]: 0]
        for (place, tensor) in tensors.enumerated() {
            guard let name = tensor.path.last else { continue }
            var folder = 0
            for depth in 0..<tensor.path.count - 1 {
                let path = Array(tensor.path[...depth])
                if let known = folders[path] {
                    folder = known
                    continue
                }
                pickle.dictionaries.append([])
                let inner = pickle.dictionaries.count - 1
                add(.dictionary(inner), tensor.path[depth], to: folder)
                folders[path] = inner
                folder = inner
            }
            add(object(tensor.shape, place), name, to: folder)
        }
    }

    /// The place of a tensor in the list.
    func place(_ value: PickleValue) -> Int? {
        guard case .object(let index) = value, places.indices.contains(index) else { return nil }
        return places[index]
    }

    private mutating func add(_ value: PickleValue, _ key: String, to folder: Int) {
        pickle.texts.append(key)
        pickle.dictionaries[folder] += [.text(pickle.texts.count - 1), value]
    }

    private mutating func object(_ shape: [Int], _ place: Int) -> PickleValue {
        let size = tuple(shape.map { .integer($0) })
        let arguments = tuple([.none, .integer(0), size, size])
        pickle.objects.append(Pickle.Object(callable: .global(0), arguments: arguments, isInstance: false))
        places.append(place)
        return .object(pickle.objects.count - 1)
    }

    private mutating func tuple(_ items: [PickleValue]) -> PickleValue {
        let start = pickle.tupleItems.count
        pickle.tupleItems += items
        pickle.tuples.append(start..<pickle.tupleItems.count)
        return .tuple(pickle.tuples.count - 1)
    }
}
