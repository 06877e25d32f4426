import Archives
import Glibc
import Text

/// Writes a draft as the output's name requires: a tar, a safetensors file, or a directory, which appears complete or not at all.
///
/// A name that ends in `.tar` gives an archive of `model.safetensors` and the files; one in `.safetensors`, a file whose header carries
/// `config.json` and `modinspect.json`; one in `.onnx`, the graph that the draft came with, with the draft's numbers; any other name, a directory
/// of the files that the archive would hold.
package struct CheckpointWriter: Sendable {
    /// What happens to an output that exists.
    package enum Existing: Sendable {
        case refused
        /// A file is replaced; a directory too, if it holds nothing but what is written here.
        case replaced
    }

    /// The kind of output, which its name determines.
    package enum Kind: Sendable, Equatable {
        case tar, safetensors, onnx, directory
    }

    package let path: String
    package let kind: Kind
    private let existing: Existing
    /// The path that is written, with symbolic links resolved and without slashes at its end.
    private let target: String

    static let weights = "model.safetensors"

    /// Decides what is written and checks that it can be, before a long computation starts.
    ///
    /// - Throws: ``Problem`` for an output that exists and may not be replaced, and for one whose folder is missing.
    package init(path: String, existing: Existing = .refused) throws {
        self.path = path
        self.existing = existing
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        let target = try Self.reporting(path) { try AtomicFile.followingLinks(String(trimmed)) }
        self.target = target
        Temporary.restore(target)
        Temporary.sweep(AtomicFile.directory(of: target))
        var status = stat()
        let exists = stat(target, &status) == 0
        let isDirectory = exists && status.st_mode & S_IFMT == S_IFDIR
        let name = trimmed.lowercased()
        if path.hasSuffix("/") || isDirectory {
            kind = .directory
        } else if name.hasSuffix(".tar") {
            kind = .tar
        } else if name.hasSuffix(".safetensors") {
            kind = .safetensors
        } else if name.hasSuffix(".onnx") {
            kind = .onnx
        } else if let other = Self.otherExtensions.first(where: { name.hasSuffix($0) }) {
            throw Problem(
                path: path, problem: "is of a kind that is not written", expected: "a name in .tar, .safetensors or .onnx, or a directory",
                found: other)
        } else {
            kind = .directory
        }
        guard !path.isEmpty else { throw Problem(path: path, problem: "is not a valid name for a checkpoint") }
        if exists { try checkExisting(isDirectory: isDirectory, isFile: status.st_mode & S_IFMT == S_IFREG) }
        let folder = AtomicFile.directory(of: target)
        do {
            // Discarded, it leaves no file. Permissions alone do not show whether files can be created in a folder.
            _ = try AtomicFile(replacing: target)
        } catch {
            throw error.at(path: path).about("folder '\(folder)'")
        }
    }

    private static let otherExtensions =
        [".gz", ".tgz", ".zst", ".xz", ".bz2", ".zip", ".json"]
        + WeightFormat.allCases.filter { $0 != .safetensors && $0 != .onnx }.flatMap(\.endings)

    private func checkExisting(isDirectory: Bool, isFile: Bool) throws {
        if isDirectory {
            let names = try contents(of: target)
            if names.isEmpty { return }
            guard existing == .replaced else {
                throw Problem(path: path, problem: "exists and is not empty", hint: .replaceExisting)
            }
            if let foreign = names.first(where: isForeign) {
                throw Problem(
                    path: path, problem: "cannot be replaced, expected nothing but the files of a checkpoint", found: "'\(foreign)'")
            }
            return
        }
        guard kind != .directory else { throw Problem(path: path, problem: "is not a directory") }
        guard isFile else { throw Problem(path: path, problem: "is neither a file nor a directory") }
        guard existing == .replaced else { throw Problem(path: path, problem: "exists", hint: .replaceExisting) }
    }

    /// Whether an entry of a directory is something that is not written here.
    private func isForeign(_ name: String) -> Bool {
        if name == Self.weights || Companions.isCompanion(name) { return false }
        guard Companions.isModuleFolder(name[...]), let inside = try? contents(of: target + "/" + name) else { return true }
        return inside.contains { !Companions.isOfModule(name + "/" + $0) }
    }

    /// Writes the draft.
    ///
    /// - Throws: ``Problem`` if it cannot be written, which leaves what was there.
    package func write(_ draft: CheckpointDraft) throws {
        switch kind {
        case .directory: try writeDirectory(draft)
        case .onnx:
            let bytes = try ONNXFile.bytes(of: draft, path: path)
            try writeFile(to: target) { sink in try bytes.withUnsafeBytes { try sink($0) } }
        case .tar, .safetensors:
            try writeFile(to: target) { sink in
                if kind == .tar {
                    try Self.writeTar(draft, path: path, to: sink)
                } else {
                    var metadata = SafetensorsTies.metadata(draft.tied)
                    for name in Companions.inHeader {
                        if let file = draft.files[name] { metadata[name] = file.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
                    }
                    try SafetensorsWriter(draft.tensors, metadata: metadata, path: path).write(to: sink)
                }
            }
        }
    }

    /// Writes the draft as a tar into a sink, such as a pipe.
    ///
    /// - Parameter path: the name for messages.
    package static func writeTar(
        _ draft: CheckpointDraft, path: String, to sink: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let archive = try ArchiveWriter(.tar, sink: sink)
        for (name, file) in draft.files.sorted(by: { $0.key < $1.key }) {
            try archive.begin(name: name, size: file.count)
            try file.withUnsafeBytes { try archive.write($0) }
        }
        let tensors = try SafetensorsWriter(draft.tensors, metadata: SafetensorsTies.metadata(draft.tied), path: path)
        try archive.begin(name: weights, size: tensors.size)
        try tensors.write { try archive.write($0) }
        try archive.finish()
    }

    private func writeFile(to target: String, _ body: (@escaping (UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        var status = stat()
        let mode = stat(target, &status) == 0 ? status.st_mode & 0o7777 : nil
        try Self.reporting(path) {
            let file = try AtomicFile(replacing: target, mode: mode)
            try body { try file.write($0) }
            try file.finish()
        }
    }

    /// The files are written into a hidden directory next to the target, which replaces it when it is complete.
    private func writeDirectory(_ draft: CheckpointDraft) throws {
        try Self.reporting(path) {
            let temporary = try Temporary.directory(in: AtomicFile.directory(of: target))
            var isComplete = false
            defer { if !isComplete { Temporary.removeDirectory(temporary.path) } }
            for name in Companions.names.union([Self.weights]) { temporary.keep(temporary.path + "/" + name) }
            let mask = umask(0)
            umask(mask)
            chmod(temporary.path, 0o777 & ~mask)
            for folder in Set(draft.files.keys.filter { $0.contains("/") }.map(MemberPath.folder)).sorted() {
                temporary.keep(temporary.path + "/" + folder)
                guard mkdir(temporary.path + "/" + folder, 0o777) == 0 else { throw failure("write") }
            }
            for name in draft.files.keys where name.contains("/") { temporary.keep(temporary.path + "/" + name) }
            for (name, bytes) in draft.files.sorted(by: { $0.key < $1.key }) {
                try writeFile(to: temporary.path + "/" + name) { sink in try bytes.withUnsafeBytes { try sink($0) } }
            }
            let tensors = try SafetensorsWriter(draft.tensors, metadata: SafetensorsTies.metadata(draft.tied), path: path)
            try writeFile(to: temporary.path + "/" + Self.weights) { sink in try tensors.write(to: sink) }
            if rename(temporary.path, target) != 0 {
                // Only an empty directory is replaced by renaming.
                guard existing == .replaced, errno == ENOTEMPTY || errno == EEXIST else { throw failure("rename to") }
                try checkExisting(isDirectory: true, isFile: false)
                try temporary.replaceDirectory(target)
            }
            isComplete = true
        }
    }

    private func failure(_ what: String, _ code: Int32 = errno) -> Problem {
        Problem(cannot: what, path: path, code: code)
    }

    private func contents(of directory: String) throws -> [String] {
        guard let handle = opendir(directory) else { throw failure("read") }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// What `body` returns; an error of writing names the output.
    private static func reporting<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Problem {
            throw error.at(path: path)
        }
    }
}
