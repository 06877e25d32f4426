import Archives
import Text

/// A value of a pickle. Everything with parts is a place in a table of ``Pickle``, so that shared and recursive values are finite.
enum PickleValue: BitwiseCopyable, Sendable {
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    /// An integer beyond 64 bits: its bytes as stored, in ``Pickle/regions``.
    case wideInteger(Int)
    /// Text, in ``Pickle/texts``.
    case text(Int)
    /// Bytes, in ``Pickle/regions``.
    case bytes(Int)
    /// A string of Python 2, which may be text or bytes, in ``Pickle/regions``.
    case byteString(Int)
    /// In ``Pickle/tuples``.
    case tuple(Int)
    /// A list or a set, in ``Pickle/lists``.
    case list(Int)
    /// In ``Pickle/dictionaries``.
    case dictionary(Int)
    /// A name that an unpickler would import, in ``Pickle/globals``.
    case global(Int)
    /// An object that an unpickler would create by a call, in ``Pickle/objects``.
    case object(Int)
    /// An object that an unpickler would get from its caller, by the identifier in ``Pickle/persistentIdentifiers``.
    case persistent(Int)
}

/// The contents of a pickle as data: no name is imported and nothing is called.
struct Pickle {
    /// A name in a Python module.
    struct Global: Hashable {
        let module: String
        let name: String
        let qualifiedName: String

        init(module: String, name: String) {
            self.module = module
            self.name = name
            qualifiedName = module + "." + name
        }
    }

    /// A call that an unpickler would make, with what it would do to the result afterwards.
    struct Object {
        let callable: PickleValue
        let arguments: PickleValue
        /// Whether the callable is a class whose instance is made without calling its initialiser.
        let isInstance: Bool
        var state: PickleValue?
        /// Keys and values in turn that would be set on the result.
        var items: [PickleValue] = []
        /// Values that would be appended to the result.
        var appended: [PickleValue] = []
    }

    var root = PickleValue.none
    var texts: [String] = []
    var regions: [ByteRegion] = []
    /// Each tuple's range in `tupleItems`.
    var tuples: [Range<Int>] = []
    var tupleItems: [PickleValue] = []
    var lists: [[PickleValue]] = []
    /// Keys and values in turn, in the order they were set; a key may occur more than once and the last one counts.
    var dictionaries: [[PickleValue]] = []
    var globals: [Global] = []
    var objects: [Object] = []
    var persistentIdentifiers: [PickleValue] = []
    /// The bytes read.
    var byteCount = 0
}

extension Pickle {
    /// The text of a string.
    func text(_ value: PickleValue) -> String? {
        switch value {
        case .text(let index): texts[index]
        case .byteString(let index): regions[index].withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        default: nil
        }
    }

    func integer(_ value: PickleValue) -> Int? {
        switch value {
        case .integer(let integer): integer
        case .boolean(let boolean): boolean ? 1 : 0
        default: nil
        }
    }

    func boolean(_ value: PickleValue) -> Bool? {
        switch value {
        case .boolean(let boolean): boolean
        case .integer(let integer): integer != 0
        default: nil
        }
    }

    func tuple(_ value: PickleValue) -> ArraySlice<PickleValue>? {
        guard case .tuple(let index) = value else { return nil }
        return tupleItems[tuples[index]]
    }

    func global(_ value: PickleValue) -> Global? {
        guard case .global(let index) = value else { return nil }
        return globals[index]
    }

    func object(_ value: PickleValue) -> Object? {
        guard case .object(let index) = value else { return nil }
        return objects[index]
    }

    /// The items of a list, a tuple, or of one of Python's own sequences.
    func sequence(_ value: PickleValue) -> ArraySlice<PickleValue>? {
        if let items = plainSequence(value) { return items }
        guard let object = object(value), let name = global(object.callable)?.qualifiedName, PickleGlobals.sequences.contains(name)
        else { return nil }
        guard !object.isInstance, let first = tuple(object.arguments)?.first else { return object.appended[...] }
        return plainSequence(first)
    }

    private func plainSequence(_ value: PickleValue) -> ArraySlice<PickleValue>? {
        switch value {
        case .list(let index): lists[index][...]
        case .tuple(let index): tupleItems[tuples[index]]
        default: nil
        }
    }

    /// The sizes of a shape or the like: a tuple, a list or a torch.Size of integers.
    func integers(_ value: PickleValue, limit: Int) -> [Int]? {
        guard let items = sequence(value), items.count <= limit else { return nil }
        var integers: [Int] = []
        for item in items {
            guard let integer = integer(item) else { return nil }
            integers.append(integer)
        }
        return integers
    }

    /// The bytes of a byte string; nil for what is none. Old protocols store bytes as text and call a codec, which is left to the reader of arrays.
    func bytes(_ value: PickleValue) -> ByteRegion? {
        switch value {
        case .bytes(let index), .byteString(let index): return regions[index]
        case .object(let index):
            let object = objects[index]
            guard let name = global(object.callable)?.qualifiedName, PickleGlobals.byteTypes.contains(name) else { return nil }
            guard let first = tuple(object.arguments)?.first else { return ByteRegion(copying: []) }
            if case .bytes(let index) = first { return regions[index] }
            return nil
        default: return nil
        }
    }
}

extension Problem {
    /// The error for a damaged pickle.
    ///
    /// - Parameter offset: where in the file.
    init(pickleAt offset: Int, problem: String) { self.init("the pickle is damaged at byte \(offset): \(problem)") }
}
