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

    /// Reads a file's models; storages are used in place.
    ///
    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` for damaged and big-endian files, for unsupported tensors, and if there are no tensors.
    static func read(_ region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        let first: Pickle
        let end: Int
        do {
            (first, end) = try PickleReader.read(region)
        } catch {
            // Joblib writes the bytes of arrays between the opcodes.
            let start = region.bytes(0..<min(region.count, 1 << 12)) ?? []
            if String(decoding: start, as: UTF8.self).contains("joblib.numpy_pickle") { throw Impostor.scikitLearn.error(path: path) }
            throw error.at(path: path)
        }
        guard TorchLegacyStream.isMagic(first) else {
            return try readPlain([first] + following(region, at: end), path: path)
        }
        let stream: TorchLegacyStream
        do {
            stream = try TorchLegacyStream(region)
        } catch {
            throw error.at(path: path)
        }
        return try WeightFile(format: "PyTorch legacy", pickle: stream.pickle, path: path, storages: stream.storage)
    }

    /// The pickles after a file's first one, up to its end or to bytes that are not a pickle.
    private static func following(_ region: ByteRegion, at start: Int) -> [Pickle] {
        var pickles: [Pickle] = []
        var position = start
        while position < region.count, pickles.count < pickleLimit, let (pickle, end) = try? PickleReader.read(region, at: position) {
            pickles.append(pickle)
            position = end
        }
        return pickles
    }

    /// The pickles that are looked at in one file.
    private static let pickleLimit = 64

    /// The models of pickles that were written to one file one after the other: where more than one pickle holds tensors, each model's key
    /// begins with its pickle's place.
    private static func readPlain(_ pickles: [Pickle], path: String) throws(Problem) -> WeightFile {
        let holders = pickles.indices.filter { pickles[$0].holdsTensors }
        let globals = WeightFile.foreignGlobals(of: pickles)
        if let impostor = Impostor.pickle(globals: globals) { throw impostor.error(path: path) }
        var models: [WeightFile.Model] = []
        for place in holders.isEmpty ? [0] : holders {
            let file = try WeightFile(format: "pickle", pickle: pickles[place], path: path) { (_, _) throws(Problem) in
                throw Problem(problem: "its storage is not in the file")
            }
            models += file.models.map { holders.count < 2 ? $0 : $0.nested(under: String(place)) }
        }
        return WeightFile(format: "pickle", models: models, keepsOrder: true, foreignGlobals: globals)
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
