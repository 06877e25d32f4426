import Archives
import Text

/// Files that are pickles: what `torch.save` wrote before PyTorch 1.6, and plain pickles of arrays.
enum TorchLegacy {
    /// Whether a file begins as a pickle does: with a protocol number, or with the first opcodes that protocols 0 and 1
    /// write for dictionaries, lists and the legacy format's magic number.
    static func isPickle(_ region: ByteRegion) -> Bool {
        guard let start = region.bytes(0..<min(region.count, 32)), start.count >= 3 else { return false }
        if start[0] == 0x80 { return start[1] <= 5 && PickleOpcode(rawValue: start[2]) != nil }
        return beginnings.contains { start.starts(with: $0.utf8) }
    }

    private static let beginnings = [
        "(dp", "(lp", "(d.", "(l.", "}q", "]q", "(dq", "(lq", "ccollections\n", "c__builtin__\n", "L119547037146038801333356L\n",
    ]

    /// One of the objects that were written to a file one after the other.
    private struct Part {
        /// As users know it.
        let format: String
        let pickle: Pickle
        let storages: StorageLookup
        /// The offset after it.
        let end: Int
        /// Whether the file ends within it.
        var isCut = false
    }

    /// Reads a file's models; storages are used in place.
    ///
    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` for damaged and big-endian files, for unsupported tensors, and if there are no tensors.
    static func read(_ region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        let first: Part
        do {
            first = try part(region, at: 0)
        } catch {
            // Joblib writes the bytes of arrays between the opcodes.
            let start = region.bytes(0..<min(region.count, 1 << 12)) ?? []
            if String(decoding: start, as: UTF8.self).contains("joblib.numpy_pickle") { throw Impostor.scikitLearn.error(path: path) }
            throw error.at(path: path)
        }
        var parts = [first]
        var rest: String?
        while let last = parts.last, !last.isCut, last.end < region.count, rest == nil {
            do throws(Problem) {
                guard parts.count < partLimit else { throw Problem("there are more objects than are read") }
                parts.append(try part(region, at: last.end))
            } catch {
                // What is no pickle at all was appended by somebody else.
                let isObject = region.integer(at: last.end, as: UInt8.self) == PickleOpcode.proto.rawValue
                rest =
                    "\(ByteText.counted(region.count - last.end, "byte")) behind "
                    + (parts.count == 1 ? "the first object" : "the first \(parts.count) objects") + " are not read"
                    + (isObject ? ": \(error.summary)" : "")
            }
        }
        var file = try models(of: parts, path: path)
        if let rest { file.assumptions.append(rest) }
        return file
    }

    private static let pickleFormat = "pickle"
    /// The objects that are looked at in one file.
    private static let partLimit = 64

    /// The object at `start`: a stream of the legacy format, or a plain pickle.
    private static func part(_ region: ByteRegion, at start: Int) throws(Problem) -> Part {
        let (pickle, end) = try PickleReader.read(region, at: start)
        guard TorchLegacyStream.isMagic(pickle) else {
            return Part(
                format: pickleFormat, pickle: pickle,
                storages: { (_, _) throws(Problem) in throw Problem(problem: "its storage is not in the file") }, end: end)
        }
        let stream = try TorchLegacyStream(region, at: start)
        return Part(format: "PyTorch legacy", pickle: stream.pickle, storages: stream.storage, end: stream.end, isCut: stream.isCut)
    }

    /// The models of objects that were written to one file one after the other: where more than one holds tensors, each model's key begins
    /// with its object's place.
    private static func models(of parts: [Part], path: String) throws(Problem) -> WeightFile {
        let holders = parts.indices.filter { parts[$0].pickle.holdsTensors }
        let globals = WeightFile.foreignGlobals(of: parts.map(\.pickle))
        let plain = parts.filter { $0.format == pickleFormat }.map(\.pickle)
        if let impostor = Impostor.pickle(globals: WeightFile.foreignGlobals(of: plain)) { throw impostor.error(path: path) }
        var files: [WeightFile] = []
        for place in holders.isEmpty ? [0] : holders {
            let part = parts[place]
            files.append(try WeightFile(format: part.format, pickle: part.pickle, path: path, storages: part.storages))
        }
        guard files.count > 1 else {
            files[0].foreignGlobals = globals
            return files[0]
        }
        var models: [WeightFile.Model] = []
        for (place, file) in zip(holders, files) { models += file.models.map { $0.nested(under: String(place)) } }
        return WeightFile(format: files[0].format, models: models, keepsOrder: true, foreignGlobals: globals)
    }

    /// The error for the tar archives that PyTorch wrote before 0.1.10; nil if the members are not those of such an archive.
    static func tarRefusal(memberNames: some Sequence<String>, path: String) -> Problem? {
        guard Set(["sys_info", "pickle", "tensors", "storages"]).isSubset(of: memberNames) else { return nil }
        return Problem(
            path: path, problem: "PyTorch's tar format from before 0.1.10 is not supported",
            hint: "load and save it again with a newer PyTorch")
    }
}

extension Pickle {
    /// Whether anything in the pickle is a tensor or an array.
    var holdsTensors: Bool { objects.indices.contains { tensorSource(.object($0)) != nil } }
}
