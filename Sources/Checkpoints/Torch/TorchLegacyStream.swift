import Archives
import Text

/// The stream that `torch.save` wrote before PyTorch 1.6: a magic number, a version and a description of the machine, each in a
/// separate pickle; the object's pickle; the list of storage keys; then for each key the number of elements and the bytes.
struct TorchLegacyStream {
    /// The object.
    let pickle: Pickle
    /// The offset after the last complete storage.
    let end: Int
    private let storages: [String: ByteRegion]
    /// Why storages that are listed but incomplete cannot be read.
    private let damaged: [String: Problem]

    /// 0x1950a86a20f9469cfc6c, little-endian.
    private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    private static let magicDigits = Array("119547037146038801333356".utf8)
    private static let version = 1001

    /// Whether the first pickle of a file is the format's magic number.
    static func isMagic(_ pickle: Pickle) -> Bool {
        guard case .wideInteger(let index) = pickle.root else { return false }
        let bytes = pickle.regions[index]
        return bytes.withUnsafeBytes { $0.elementsEqual(magic) || $0.elementsEqual(magicDigits) }
    }

    /// - Parameter start: where in `region` it begins.
    /// - Throws: ``Problem`` if the bytes are not such a stream.
    init(_ region: ByteRegion, at start: Int = 0) throws(Problem) {
        var position = start
        func next(_ what: String) throws(Problem) -> Pickle {
            do {
                let (pickle, end) = try PickleReader.read(region, at: position)
                position = end
                return pickle
            } catch {
                throw error.about(what)
            }
        }
        guard Self.isMagic(try next("the magic number")) else { throw Problem(problem: "the magic number is missing") }
        let header = try next("the version")
        guard header.integer(header.root) == Self.version else {
            throw Problem(problem: "unknown version of the legacy format", expected: "\(Self.version)")
        }
        let machine = try next("the description of the machine")
        if case .dictionary(let index) = machine.root {
            let items = machine.dictionaries[index]
            for place in stride(from: 0, to: items.count, by: 2)
            where machine.text(items[place]) == "little_endian" && machine.boolean(items[place + 1]) == false {
                throw Problem(problem: "a big-endian file is not supported")
            }
        }
        pickle = try next("the object")
        let keyList = try next("the list of storages")
        guard let keys = keyList.sequence(keyList.root) else { throw Problem(problem: "the list of storages is not a list") }
        let widths = pickle.storageWidths()
        var storages: [String: ByteRegion] = [:]
        var damaged: [String: Problem] = [:]
        var reader = ByteReader(region, at: position)
        for value in keys {
            guard let key = keyList.storageKey(value), let width = widths[key] else {
                throw Problem(problem: "the list of storages names one that no tensor has")
            }
            guard storages[key] == nil, damaged[key] == nil else {
                throw Problem(problem: "storage '\(key)' appears twice")
            }
            // Behind a storage that is cut short no other can be found.
            guard damaged.isEmpty, let count: Int64 = reader.integer() else {
                damaged[key] = Problem(problem: "the file ends before storage '\(key)'")
                continue
            }
            let (size, overflow) = Int(count).multipliedReportingOverflow(by: width)
            guard !overflow, let bytes = reader.take(size) else {
                damaged[key] = Problem(
                    problem: "storage '\(key)' extends past the end of the file", expected: "\(count) elements of \(width) bytes",
                    found: "\(reader.remaining) bytes")
                continue
            }
            storages[key] = bytes
        }
        self.storages = storages
        self.damaged = damaged
        end = reader.position
    }

    /// Whether the file ends before the stream does: what remains is part of it.
    var isCut: Bool { !damaged.isEmpty }

    /// The offset after the stream that begins at `start`; nil if none does.
    static func end(_ region: ByteRegion, at start: Int) -> Int? {
        guard let first = try? PickleReader.read(region, at: start).pickle, isMagic(first) else { return nil }
        return try? TorchLegacyStream(region, at: start).end
    }

    /// The bytes of a storage, checked against the size that the pickle gives.
    func storage(_ key: String, byteCount: Int) throws(Problem) -> ByteRegion {
        if let problem = damaged[key] { throw problem }
        guard let bytes = storages[key] else { throw Problem(problem: "its storage '\(key)' is not in the file") }
        guard bytes.count == byteCount else {
            throw Problem(
                problem: "its storage '\(key)' has the wrong size", expected: "\(byteCount) bytes", found: "\(bytes.count)")
        }
        return bytes
    }
}

extension Pickle {
    /// The bytes of an element in each storage that the pickle names; types that are not read have them too.
    fileprivate func storageWidths() -> [String: Int] {
        var widths: [String: Int] = [:]
        for identifier in persistentIdentifiers {
            guard let parts = tuple(identifier), parts.count >= 5, text(parts[parts.startIndex]) == "storage",
                let global = global(parts[parts.startIndex + 1]), let key = storageKey(parts[parts.startIndex + 2])
            else { continue }
            widths[key] = TorchStorageType(global)?.width ?? TorchStorageType.refusedWidth(global) ?? 1
        }
        return widths
    }
}
