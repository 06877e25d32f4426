import Text

/// A checkpoint that was found among files, and the files that belong to it.
package struct FoundCheckpoint: Sendable, Hashable {
    /// A file as it was when it was found: its size and time tell whether it has changed.
    package struct FoundFile: Sendable, Hashable {
        /// The file's path as ``PathText``.
        package let path: String
        /// In bytes.
        package let size: Int
        /// When it was last modified, in nanoseconds since 1970.
        package let modified: Int

        package init(path: String, size: Int, modified: Int) {
            self.path = path
            self.size = size
            self.modified = modified
        }
    }

    /// What is opened, as ``PathText``; ``openable()`` gives the path that ``Checkpoint/open(_:options:)`` takes.
    package var path: String
    /// The name in results, as ``PathText``: the path from the directory that was searched.
    package let name: String
    /// The model that an adapter changes, if it was found too; as ``path``.
    package var base: String?
    /// The weights, and what is read with them, the weights first; empty if nothing is there.
    package let files: [FoundFile]

    package init(path: String, name: String, base: String? = nil, files: [FoundFile]) {
        self.path = path
        self.name = name
        self.base = base
        self.files = files
    }

    /// The bytes of all files.
    package var size: Int { files.reduce(0) { $0.addingReportingOverflow($1.size).partialValue } }
    /// When the latest of the files was modified; 0 if there are none.
    package var modified: Int { files.lazy.map(\.modified).max() ?? 0 }
}

extension FoundCheckpoint {
    /// One line of JSON, without its end.
    package var line: String {
        let list = files.map { "[\(JSONText.string($0.path)),\($0.size),\($0.modified)]" }.joined(separator: ",")
        return "{\"path\":\(JSONText.string(path)),\"name\":\(JSONText.string(name))"
            + (base.map { ",\"base\":" + JSONText.string($0) } ?? "") + ",\"files\":[\(list)]}"
    }

    /// Reads what ``line`` writes.
    package init(line: [UInt8]) throws(Problem) {
        do {
            self = try line.withUnsafeBytes { bytes in try JSONCursor.reading(bytes) { try FoundCheckpoint(&$0) } }
        } catch {
            throw Problem(error)
        }
    }

    private init(_ cursor: inout JSONCursor) throws {
        var (path, name, base): (String?, String?, String?) = (nil, nil, nil)
        var files: [FoundFile] = []
        try cursor.readObject { cursor, key in
            switch key {
            case "path": path = try cursor.readText()
            case "name": name = try cursor.readText()
            case "base": base = try cursor.readText()
            case "files": try cursor.readList { files.append(try FoundFile(&$0)) }
            default: try cursor.skip()
            }
        }
        guard let path, let name else { throw Problem("is not a checkpoint", expected: "its path and name") }
        self.init(path: path, name: name, base: base, files: files)
    }
}

extension FoundCheckpoint.FoundFile {
    fileprivate init(_ cursor: inout JSONCursor) throws {
        var path: String?
        var numbers: [Int] = []
        try cursor.readList { cursor in
            if path == nil { path = try cursor.readText() } else { numbers.append(try cursor.readInteger()) }
        }
        guard let path, numbers.count == 2 else { throw Problem("is not a file", expected: "its path, size and time") }
        self.init(path: path, size: numbers[0], modified: numbers[1])
    }
}
