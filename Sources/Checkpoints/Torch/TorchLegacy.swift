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

    /// Reads a file's models; storages stay where they are in the file.
    ///
    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` for damaged and big-endian files, for tensors that are not read, and where there are none.
    static func read(_ region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        let first: Pickle
        do {
            first = try PickleReader.read(region).pickle
        } catch {
            throw error.at(path: path)
        }
        guard TorchLegacyStream.isMagic(first) else {
            return try WeightFile(format: "pickle", pickle: first, path: path) { (_, _) throws(Problem) in
                throw Problem(problem: "its storage is not in the file")
            }
        }
        let stream: TorchLegacyStream
        do {
            stream = try TorchLegacyStream(region)
        } catch {
            throw error.at(path: path)
        }
        return try WeightFile(format: "PyTorch legacy", pickle: stream.pickle, path: path, storages: stream.storage)
    }

    /// The refusal of the tar archives that PyTorch wrote before 0.1.10, or nil where a tar's members are none of them.
    static func tarRefusal(memberNames: some Sequence<String>, path: String) -> Problem? {
        guard Set(["sys_info", "pickle", "tensors", "storages"]).isSubset(of: memberNames) else { return nil }
        return Problem(
            path: path, problem: "PyTorch's tar format of before 0.1.10 is not supported",
            hint: "load and save it again with a newer PyTorch")
    }
}
