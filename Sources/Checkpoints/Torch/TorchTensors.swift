import Archives
import Text

/// Where the storages of a PyTorch file are: the bytes of the storage called `key`, which must be `byteCount` of them.
typealias StorageLookup = (_ key: String, _ byteCount: Int) throws(Problem) -> ByteRegion

/// Makes tensor records from a pickle's descriptions, looking up each storage once.
final class TorchTensors {
    let pickle: Pickle
    private let lookUp: StorageLookup
    /// The storages that pickles inside the pickle hold, by the place of their bytes.
    private var embedded: [Int: Storage] = [:]
    /// Bytes of old protocols are text in the pickle; a file's text is decoded once, not once for each of many tensors that name it.
    private var decodableBytes: Int

    private struct Storage {
        let type: TorchStorageType
        let bytes: ByteRegion
    }

    init(pickle: Pickle, storages: @escaping StorageLookup) {
        self.pickle = pickle
        lookUp = storages
        decodableBytes = pickle.byteCount
    }

    /// The record of a tensor, or why there is none.
    func record(name: String, source: TensorSource, path: String) -> ReadTensor {
        do {
            return .record(try record(name: name, source: source))
        } catch {
            let known = pickle.description(source)
            return .unreadable(
                UnreadableTensor(
                    name: name, dtype: known.dtype, shape: known.shape,
                    problem: error as? Problem ?? Problem("\(error)"), path: path, isDamaged: !source.isRefused))
        }
    }

    private func record(name: String, source: TensorSource) throws -> TensorRecord {
        switch source {
        case .refused(let tensor): throw Problem(problem: tensor.reason)
        case .array(let array): return try record(name: name, array: array)
        case .view(let view): return try record(name: name, view: view)
        case .converted(let source, let value):
            let record = try record(name: name, source: source)
            let dtype = try dtype(named: value)
            // PyTorch itself widens what numpy lacks: narrowing it again changes nothing.
            guard dtype == record.dtype || (record.dtype == .f32 && [.f16, .bf16].contains(dtype)) else {
                throw Problem(
                    problem: "would be converted while it is read", expected: "elements of \(record.dtype.rawValue)", found: dtype.rawValue)
            }
            return record
        }
    }

    private func record(name: String, view: TensorView) throws -> TensorRecord {
        let storage = try storage(view.storage)
        let dtype = try dtype(of: storage, named: view.dtype)
        guard let shape = pickle.integers(view.size, limit: Self.rankLimit),
            let strides = pickle.integers(view.stride, limit: Self.rankLimit)
        else { throw Problem(problem: "its shape or strides are not integers") }
        guard let offset = pickle.integer(view.offset) else { throw Problem(problem: "its offset is not an integer") }
        let record = try TensorRecord(
            name: name, dtype: dtype, shape: shape, strides: strides, offset: offset, storage: storage.bytes)
        // An expanded view has no bytes in the file, but whoever reads its elements needs memory for all of them.
        let limit = max(Self.expandedLimit, storage.bytes.count)
        guard record.elementCount <= limit else {
            throw Problem(
                problem: "an expanded view with too many elements", expected: "at most \(limit)", found: "\(record.elementCount)")
        }
        guard try hasNegativeBit(view.metadata) else { return record }
        guard dtype.isFloatingPoint else {
            throw Problem(
                problem: "has its negative bit set", expected: "a floating-point type with it", found: dtype.rawValue)
        }
        return record.negated()
    }

    /// Whether a tensor's metadata set its negative bit. PyTorch checks only for the key, whatever its value.
    ///
    /// - Throws: ``Problem`` for everything else that the metadata say.
    private func hasNegativeBit(_ metadata: PickleValue?) throws(Problem) -> Bool {
        guard let metadata else { return false }
        if case .none = metadata { return false }
        let refusal = "has metadata that are not understood"
        guard pickle.isDictionary(metadata), let members = pickle.members(metadata),
            members.count == pickle.memberBound(metadata)
        else { throw Problem(problem: refusal, expected: "a dictionary with 'neg' at most") }
        if members.contains(where: { $0.key == "conj" }) { throw Problem(problem: "is a conjugate view, which is not supported") }
        if let other = members.first(where: { $0.key != "neg" || !$0.hasTextKey }) {
            throw Problem(problem: refusal, expected: "'neg' at most", found: "'\(other.key)'")
        }
        return !members.isEmpty
    }

    private static let rankLimit = 64
    /// The elements that a view may have whatever the size of its storage.
    private static let expandedLimit = 1 << 24
}

// MARK: - Storages

extension TorchTensors {
    private func dtype(of storage: Storage, named value: PickleValue?) throws(Problem) -> DType {
        if let value { return try dtype(named: value) }
        guard case .elements(let dtype) = storage.type else { throw Problem(problem: "its storage has no element type") }
        return dtype
    }

    private func dtype(named value: PickleValue) throws(Problem) -> DType {
        guard let global = pickle.global(value) else { throw Problem(problem: "its dtype has no name") }
        guard case .elements(let dtype)? = TorchStorageType(dtype: global) else {
            throw Problem(problem: "its dtype \(global.qualifiedName) is not supported")
        }
        return dtype
    }

    private func storage(_ value: PickleValue) throws(Problem) -> Storage {
        if let object = pickle.object(value) {
            let name = pickle.callableName(object.callable)
            if name == "torch.storage._load_from_bytes", let first = pickle.tuple(object.arguments)?.first,
                case .bytes(let index) = first
            {
                return try embeddedStorage(index)
            }
            throw Problem(problem: "made by \(name), which is not executed")
        }
        guard case .persistent(let index) = value else { throw Problem(problem: "its storage is invalid") }
        return try Self.storage(pickle.persistentIdentifiers[index], in: pickle, lookUp)
    }

    /// The storage that a persistent identifier names: ('storage', type, key, location, number of elements, view or None).
    private static func storage(
        _ identifier: PickleValue, in pickle: Pickle, _ lookUp: StorageLookup
    ) throws(Problem) -> Storage {
        guard let parts = pickle.tuple(identifier), parts.count >= 5 else {
            throw Problem(problem: "its storage has an unknown kind of persistent id")
        }
        let first = parts.startIndex
        guard pickle.text(parts[first]) == "storage", let key = pickle.storageKey(parts[first + 2]),
            let count = pickle.integer(parts[first + 4]), count >= 0
        else { throw Problem(problem: "its storage has an unknown kind of persistent id") }
        guard let global = pickle.global(parts[first + 1]) else {
            throw Problem(problem: "made by \(pickle.callableName(parts[first + 1])), which is not executed")
        }
        guard let type = TorchStorageType(global) else {
            if let kind = TorchStorageType.refused(global) {
                throw Problem(problem: "holds \(kind), which is not supported")
            }
            throw Problem(problem: "its storage type \(global.qualifiedName) is not known")
        }
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: type.width)
        guard !overflow else { throw Problem(problem: "its storage overflows", found: "\(count) elements") }
        let bytes = try lookUp(key, byteCount)
        guard parts.count >= 6, let view = pickle.tuple(parts[first + 5]) else { return Storage(type: type, bytes: bytes) }
        guard view.count >= 3, let offset = pickle.integer(view[view.startIndex + 1]),
            let length = pickle.integer(view[view.startIndex + 2])
        else { throw Problem(problem: "its storage is a malformed view") }
        let (start, overflow1) = offset.multipliedReportingOverflow(by: type.width)
        let (size, overflow2) = length.multipliedReportingOverflow(by: type.width)
        guard !overflow1, !overflow2, let part = bytes.slice(offset: start, count: size) else {
            throw Problem(
                problem: "its storage is a view that extends past the end of another", expected: "at most \(count) elements",
                found: "\(length) from \(offset)")
        }
        return Storage(type: type, bytes: part)
    }

    /// A storage that was pickled by itself: the legacy format inside the bytes of a string.
    private func embeddedStorage(_ index: Int) throws(Problem) -> Storage {
        if let storage = embedded[index] { return storage }
        let stream: TorchLegacyStream
        do {
            stream = try TorchLegacyStream(pickle.regions[index])
        } catch {
            throw Problem(problem: "its embedded storage cannot be read: \(error.what)")
        }
        guard case .persistent(let place) = stream.pickle.root else {
            throw Problem(problem: "its embedded storage is invalid")
        }
        let storage = try Self.storage(stream.pickle.persistentIdentifiers[place], in: stream.pickle, stream.storage)
        embedded[index] = storage
        return storage
    }
}

extension Pickle {
    /// A storage's key: text, or a number in some old files.
    func storageKey(_ value: PickleValue) -> String? {
        if case .integer(let number) = value { return String(number) }
        guard let key = text(value), key.utf8.count <= 1024 else { return nil }
        return key
    }
}

// MARK: - Arrays

extension TorchTensors {
    private func record(name: String, array: NumpyArray) throws -> TensorRecord {
        let shape: [Int]
        if let value = array.shape {
            guard let sizes = pickle.integers(value, limit: Self.rankLimit) else {
                throw Problem(problem: "its shape is not a tuple of integers")
            }
            shape = sizes
        } else {
            shape = []
        }
        let size = try TensorRecord.byteCount(dtype: array.dtype, shape: shape)
        let data = try arrayBytes(array.data, count: size)
        guard data.count == size else {
            throw Problem(problem: "wrong number of bytes", expected: "\(size)", found: "\(data.count)")
        }
        guard array.isFortranOrder, shape.count > 1, size > 0 else {
            return try TensorRecord(name: name, dtype: array.dtype, shape: shape, bytes: data)
        }
        var strides: [Int] = []
        var stride = 1
        for length in shape {
            strides.append(stride)
            stride *= length
        }
        return try TensorRecord(name: name, dtype: array.dtype, shape: shape, strides: strides, offset: 0, storage: data)
    }

    private func arrayBytes(_ value: PickleValue, count: Int) throws(Problem) -> ByteRegion {
        if let bytes = pickle.bytes(value) { return bytes }
        if let text = pickle.text(value) { return try latin1(text, count: count) }
        guard let object = pickle.object(value) else { throw Problem(problem: "its data are not bytes") }
        let name = pickle.callableName(object.callable)
        let arguments = pickle.tuple(object.arguments)
        guard name == "_codecs.encode" || PickleGlobals.byteTypes.contains(name), let first = arguments?.first else {
            throw Problem(problem: "made by \(name), which is not executed")
        }
        if let bytes = pickle.bytes(first) { return bytes }
        guard let text = pickle.text(first) else { throw Problem(problem: "its data are not bytes") }
        let codec = arguments?.dropFirst().first.flatMap { pickle.text($0) }
        guard codec == "latin1" || codec == "latin-1" else { throw Problem(problem: "its data are text in an unknown code") }
        return try latin1(text, count: count)
    }

    /// Text whose scalars are bytes.
    private func latin1(_ text: String, count: Int) throws(Problem) -> ByteRegion {
        decodableBytes -= text.utf8.count
        guard decodableBytes >= 0 else { throw Problem(problem: "its data are shared text that would grow beyond the file") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(count, text.utf8.count))
        for scalar in text.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { throw Problem(problem: "its data are not bytes") }
            bytes.append(byte)
        }
        return ByteRegion(copying: bytes)
    }
}
