import Archives
import ArgumentParser
import Checkpoints
import Glibc
import Text

/// A subcommand that declares which files it reads and writes, so that no output is one of its inputs or another output.
protocol FileCommand: ParsableCommand {
    var fileUse: FileUse { get }
}

/// The files that a command reads and writes, as its arguments name them; `-` is a standard stream.
struct FileUse {
    /// How an output is written.
    enum Way {
        /// A file that replaces the old one when it is complete.
        case replaced
        /// Lines are added to a file.
        case appended
        /// A file or a directory, which `CheckpointWriter` checks.
        case checkpoint
    }

    fileprivate struct Named {
        /// The argument, in the words of messages: `the checkpoint`, `--data`.
        let argument: String
        let path: String
        var way = Way.replaced
        /// The file that the path names; nil for a pipe, a device, and a path whose folder does not exist.
        var identity: FileIdentity?
    }

    private var inputs: [Named] = []
    private var outputs: [Named] = []

    init() {}

    /// - Parameters:
    ///   - reading: the arguments that name inputs, in the words of messages, with their paths.
    ///   - writing: those that name files to be replaced.
    init(reading: [(argument: String, path: String?)], writing: [(argument: String, path: String?)]) {
        for (argument, path) in reading { read(argument, path) }
        for (argument, path) in writing { write(argument, path) }
    }

    mutating func read(_ argument: String, _ path: String?) {
        guard let path else { return }
        let identity = path == "-" ? FileIdentity(descriptor: STDIN_FILENO) : FileIdentity(path: path)
        inputs.append(Named(argument: argument, path: path, identity: identity))
    }

    mutating func write(_ argument: String, _ path: String?, _ way: Way = .replaced) {
        guard let path else { return }
        let identity = path == "-" ? FileIdentity(descriptor: STDOUT_FILENO) : FileIdentity(path: path)
        outputs.append(Named(argument: argument, path: path, way: way, identity: identity))
    }

    /// Checks that every file has one use, and that every output can be written.
    ///
    /// - Throws: `ValidationError` for standard streams and files with two uses of which one is an output; ``Problem`` for an output that
    ///   cannot be written.
    func check() throws {
        try checkStreams()
        try checkOutputs()
        try checkInputs()
        for output in outputs where output.path != "-" { try output.checkCanBeWritten() }
    }

    private func checkStreams() throws {
        if inputs.count(where: { $0.path == "-" }) > 1 { throw ValidationError("standard input can be read only once") }
        let results = outputs.filter { $0.path == "-" }
        guard results.count > 1 else { return }
        throw ValidationError(
            "only one result can be written to standard output, found " + results.map(\.argument).joined(separator: " and "))
    }

    private func checkOutputs() throws {
        for (place, output) in outputs.enumerated() {
            guard let identity = output.identity else { continue }
            if let other = outputs[..<place].first(where: { $0.identity == identity }) {
                throw ValidationError("\(other.argument) and \(output.argument) name the same file, \(output.path)".singleLine)
            }
            for other in outputs where other.path != "-" && FileIdentity.folders(of: other.path).contains(identity) {
                throw ValidationError("\(other.argument) is inside the directory that \(output.argument) writes, \(output.path)".singleLine)
            }
        }
    }

    private func checkInputs() throws {
        let written = Dictionary(
            outputs.compactMap { output in output.identity.map { ($0, output) } }, uniquingKeysWith: { first, _ in first })
        guard !written.isEmpty else { return }
        // A name without a file, such as modadd:113, is nothing that can be overwritten.
        for input in inputs {
            if let identity = input.identity, identity.isThere, let output = written[identity] {
                throw ValidationError("\(output.argument) would overwrite \(input.argument), \(input.path)".singleLine)
            }
            guard input.path != "-" else { continue }
            for file in Checkpoint.files(at: input.path) {
                guard let identity = FileIdentity(path: file), identity.isThere else { continue }
                if let output = written[identity] {
                    throw ValidationError("\(output.argument) would overwrite \(file), a file of \(input.argument)".singleLine)
                }
                if let output = FileIdentity.folders(of: file).lazy.compactMap({ written[$0] }).first {
                    throw ValidationError("\(output.argument) would replace the directory that holds \(input.argument), \(file)".singleLine)
                }
            }
        }
    }
}

extension FileUse.Named {
    /// Finds out now what would otherwise be found out after all the work.
    fileprivate func checkCanBeWritten() throws {
        var status = stat()
        let isThere = stat(path, &status) == 0
        let kind = status.st_mode & S_IFMT
        switch way {
        case .checkpoint: return
        case .appended where isThere && kind != S_IFDIR, .replaced where isThere && kind != S_IFREG && kind != S_IFDIR:
            guard access(path, W_OK) == 0 else { throw Destination.failure(Problem(cannot: "write", path: path, code: errno)) }
        case .appended, .replaced:
            if let target = try? AtomicFile.followingLinks(path) { Temporary.sweep(AtomicFile.directory(of: target)) }
            // Discarded, it leaves no file.
            _ = try Destination(path: path)
        }
    }
}
