import Archives
import Text

/// The formats of a single weight file, recognised by its first bytes. Messages and the recognition of file names use this list.
enum WeightFormat: CaseIterable {
    case safetensors, zip, pickle, npy, gguf, onnx, flax

    /// The names that users have for files of this format.
    var names: [String] {
        switch self {
        case .safetensors: ["safetensors"]
        case .zip: ["PyTorch", "npz"]
        case .pickle: ["PyTorch"]
        case .npy: ["npy"]
        case .gguf: ["GGUF"]
        case .onnx: ["ONNX"]
        case .flax: ["Flax msgpack"]
        }
    }

    /// The endings that their names have, in lower case.
    var endings: [String] {
        switch self {
        case .safetensors: [".safetensors"]
        case .zip, .pickle: [".bin", ".pt", ".pth", ".ckpt", ".npz", ".pt2"]
        case .npy: [".npy"]
        case .gguf: [".gguf"]
        case .onnx: [".onnx"]
        case .flax: [".msgpack"]
        }
    }

    /// The supported formats, for messages: each one once, then the archives.
    static var known: String {
        var names: [String] = []
        for name in allCases.flatMap(\.names) where !names.contains(name) { names.append(name) }
        return (names + ["tar"]).joined(separator: ", ") + " or zip"
    }

    /// The format of a file that begins with `head`, or nil if it is none of them.
    init?(head: [UInt8]) {
        if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
            self = .zip
        } else if NPY.isRecognised(head) {
            self = .npy
        } else if head.starts(with: Array("GGUF".utf8)) {
            self = .gguf
        } else if TorchLegacy.isPickle(ByteRegion(copying: head)) {
            self = .pickle
        } else if head.count > 8, head[8] == UInt8(ascii: "{"), head[..<8].contains(where: { $0 < 9 }) {
            // The length before the header is a number whose upper bytes are zero, which text never has.
            self = .safetensors
        } else if ONNX.isRecognised(head) {
            self = .onnx
        } else if Flax.isRecognised(head) {
            self = .flax
        } else {
            return nil
        }
    }

    /// Whether a file that begins with `head` holds weights whatever its name is; not every zip file and not every pickle does.
    static func isUnmistakable(_ head: [UInt8]) -> Bool {
        switch WeightFormat(head: head) {
        // Only two bytes distinguish these from other files.
        case nil, .onnx, .flax: false
        case .safetensors, .npy, .gguf: true
        // The number with which PyTorch's old format begins.
        case .pickle: head.dropFirst(2).starts(with: [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20])
        case .zip: firstMember(head).map { $0.hasSuffix(".npy") || $0.hasSuffix("/data.pkl") } ?? false
        }
    }

    private static func firstMember(_ head: [UInt8]) -> String? {
        guard head.count > 30 else { return nil }
        let length = Int(head[26]) | Int(head[27]) << 8
        return head.count >= 30 + length ? String(decoding: head[30..<30 + length], as: UTF8.self) : nil
    }

    /// Reads the weight file in `region`.
    ///
    /// - Parameters:
    ///   - name: the name of the file, for formats whose only tensor has no name.
    ///   - path: how errors name the file.
    ///   - neighbours: the files in the same folder, for formats that store weights there.
    /// - Throws: ``Problem`` if the bytes are not a weight file, or if it is damaged.
    static func read(_ region: ByteRegion, name: String, path: String, neighbours: Neighbours = .none) throws -> WeightFile {
        let head = region.bytes(0..<min(region.count, ContainerFile.headLength)) ?? []
        guard let format = WeightFormat(head: head) else { throw unknown(head, path: path) }
        switch format {
        case .safetensors: return try Safetensors.read(region, path: path)
        case .npy: return try NPY.read(region, name: name, path: path)
        case .zip: return try readZip(zipDirectory(region, path: path), region, path: path)
        case .pickle: return try TorchLegacy.read(region, path: path).readingKernels(isOfPyTorch: true)
        case .gguf: return try GGUF.read(region, path: path)
        case .onnx: return try ONNX.read(region, neighbours: neighbours, path: path)
        case .flax: return try Flax.read(region, path: path)
        }
    }

    /// The directory of the zip file in `region`, with errors that name the file.
    static func zipDirectory(_ region: ByteRegion, path: String) throws -> ZipDirectory {
        do throws(Problem) {
            guard let directory = try ZipDirectory(region) else { throw Problem("is not a zip file") }
            return directory
        } catch {
            throw error.at(path: path)
        }
    }

    /// Whether the zip file is a weight file rather than an archive of files.
    static func isWeightFile(_ directory: ZipDirectory) -> Bool {
        NPZ.isRecognised(directory) || TorchZip.isTorchZip(directory) || TorchExport.isRecognised(directory)
    }

    private static func readZip(_ directory: ZipDirectory, _ region: ByteRegion, path: String) throws -> WeightFile {
        // What reads the members looks for the end of the zip file at the end of the bytes.
        let own = region.slice(offset: 0, count: region.count - directory.trailingByteCount) ?? region
        var file = try readMembers(directory, own, path: path)
        if directory.trailingByteCount > 0 {
            file.assumptions.append("\(ByteText.counted(directory.trailingByteCount, "byte")) behind the zip file's end are not read")
        }
        return file
    }

    private static func readMembers(_ directory: ZipDirectory, _ region: ByteRegion, path: String) throws -> WeightFile {
        if TorchZip.isTorchZip(directory) {
            var file = try TorchZip.read(directory, region: region, path: path).readingKernels(isOfPyTorch: true)
            if directory.unclaimedByteCount > 0 {
                file.assumptions.append(
                    "several zip files follow each other, and the first is the model, as in PyTorch; "
                        + "\(ByteText.counted(directory.unclaimedByteCount, "byte")) are not read")
            }
            return file
        }
        // Other programs go by the directory at the end.
        guard directory.unclaimedByteCount == 0 else {
            throw Problem(
                path: path, problem: "the zip directory does not lie at the file's end", expected: "no bytes behind it",
                found: ByteText.counted(directory.unclaimedByteCount, "byte"))
        }
        if NPZ.isRecognised(directory) { return NPZ.read(directory, region: region, path: path) }
        if TorchExport.isRecognised(directory) { return try TorchExport.read(directory, region: region, path: path) }
        throw Problem(
            path: path, problem: "a zip file that is neither a PyTorch file nor an .npz",
            found: MemberList(directory.entries.map(\.name)).text)
    }

    private static func unknown(_ head: [UInt8], path: String) -> Problem {
        if let impostor = Impostor(head) ?? Impostor.name(MemberPath.baseName(path)) { return impostor.error(path: path) }
        let bytes = head.prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return Problem(
            path: path, problem: "unknown format", expected: known,
            found: bytes.isEmpty ? "no bytes" : "the first bytes " + bytes.joined(separator: " "))
    }
}

/// Names in a message: the first few, then how many there are.
struct MemberList {
    let text: String

    init(_ names: [String]) {
        text = names.isEmpty ? "nothing" : names.listed()
    }
}
