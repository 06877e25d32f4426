import Archives
import Checkpoints
import Text

/// The bytes of a data file, unpacked if it is a single compressed file, and their kind.
struct DataFile {
    /// The kinds of data, recognised by content where possible.
    enum Kind: Sendable {
        case npz, npy, idx, text
        /// Texts, one a record, with labels or without.
        case labelledText(LabelledText.Layout)
        /// Clean and corrupted prompts.
        case pairs
        /// Integers without a header.
        case flatTokens
        case images(CIFARBatch)
    }

    /// What errors call the file.
    let path: String
    let content: ByteRegion

    /// The name without folders and without the ending of a compression, in lower case.
    private let baseName: String

    /// Reads the file at `path`, or standard input if that is `-`.
    ///
    /// - Throws: ``Problem`` if it cannot be read, is empty, or is an archive of files.
    init(path: String) throws {
        let region: ByteRegion
        do {
            region = path == "-" ? try ByteRegion.standardInput(isKnown: Self.isKnown) : try ByteRegion.contents(path: path)
        } catch {
            throw error.at(path: path)
        }
        try self.init(region, path: path)
    }

    /// Bytes that were found at `path`.
    init(_ region: ByteRegion, path: String) throws {
        self.path = path
        var name = (path.split(separator: "/").last.map(String.init) ?? path).lowercased()
        guard Self.isCompressed(region, name: name) else {
            content = region
            baseName = name
            return
        }
        do {
            guard let reader = try ArchiveReader(region) else { throw Problem("is not an archive") }
            guard reader.isSingleFile else {
                throw Problem("is an archive", expected: "one file of data", found: reader.label)
            }
            guard try reader.next() != nil else { throw Problem("the compressed file is empty") }
            content = try reader.content()
        } catch let error as Problem {
            throw error.at(path: path)
        }
        guard content.count > 0 else { throw Problem(path: path, problem: "the compressed file is empty") }
        for ending in [".gz", ".xz", ".zst", ".bz2"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
        baseName = name
    }

    /// Whether what begins with `head` and has no name can be data: what cannot is refused by ``kind(context:)`` too.
    private static func isKnown(_ head: [UInt8]) -> Bool {
        ArchiveFormat(head: Array(head.prefix(512))) != nil || NPY.isRecognised(head) || IDX.isRecognised(head)
            || CIFARBatch.isPossible(head) || beginsAsJSON(head)
    }

    /// Whether the bytes begin as JSON does.
    private static func beginsAsJSON(_ head: [UInt8]) -> Bool {
        let begin = head.prefix(64).first { !space.contains($0) && ![0xEF, 0xBB, 0xBF].contains($0) }
        return begin == UInt8(ascii: "{") || begin == UInt8(ascii: "[")
    }

    /// The kind of data in the file.
    ///
    /// The content decides for zip files, `.npy` and IDX. For other files whose names end in `.bin`, the context length decides: with one, flat
    /// token ids; without one, a CIFAR batch, whose records must fit the size and whose labels must be classes. `.txt` is text. Texts with
    /// labels are JSON lines (`.jsonl`, or a first line that is an object with a text), or a `.csv` or `.tsv` whose header has a column of
    /// texts. Prompt pairs begin with a brace or a bracket, or the name ends in `.json` or `.csv`.
    ///
    /// - Throws: ``Problem`` if it is none of these.
    func kind(context: Int?) throws -> Kind {
        let head = content.bytes(0..<min(content.count, 64)) ?? []
        let isBinary = baseName.hasSuffix(".bin")
        if ArchiveFormat(content) == .zip { return .npz }
        if NPY.isRecognised(head) { return .npy }
        if baseName.hasSuffix(".txt") { return .text }
        if isBinary, context != nil { return .flatTokens }
        if IDX.isRecognised(head) { return .idx }
        if isBinary || path == "-", let batch = CIFARBatch(content) { return .images(batch) }
        if isBinary {
            throw Problem(
                path: path, problem: "neither a CIFAR batch nor token ids of a known length",
                expected: "records of \(CIFARBatch.recordSizes.map(String.init).joined(separator: " or ")) bytes",
                found: "\(content.count) bytes",
                hint: .setContext(nil, cut: "a file of token ids into sequences"))
        }
        if let table = try tableKind() { return table }
        if Self.beginsAsJSON(head) || baseName.hasSuffix(".json") || baseName.hasSuffix(".jsonl") {
            return baseName.hasSuffix(".jsonl") || content.withUnsafeBytes({ LabelledText.begins($0) }) ? .labelledText(.lines) : .pairs
        }
        throw Problem(
            path: path, problem: "unknown kind of data",
            expected: "npz, npy, IDX, a CIFAR .bin, token ids in .bin with a context length, .txt, or texts in .jsonl, .csv or .tsv",
            found: "a file that begins with " + Self.shown(head))
    }

    /// The kind of a file whose name is that of a table: prompt pairs where the header has one of their columns.
    private func tableKind() throws -> Kind? {
        let separator: CSVRows.Separator
        if baseName.hasSuffix(".csv") { separator = .comma } else if baseName.hasSuffix(".tsv") { separator = .tab } else { return nil }
        let head = String(decoding: content.bytes(0..<min(content.count, Self.longestHeader)) ?? [], as: UTF8.self)
        var rows = CSVRows(head, path: path, separator: separator)
        let header = (try? rows.next())?.fields ?? []
        if header.isEmpty || PromptPairsCSV.isHeader(header) { return .pairs }
        if header.contains(where: { LabelledText.textNames.contains($0.trimmedOfSpaces) }) { return .labelledText(.table(separator)) }
        throw Problem(
            path: path, problem: "no column of texts or of prompt pairs in the header",
            expected: "\(LabelledText.textNames.joined(separator: " or ")), or clean, corrupted and correct_idx",
            found: header.map(\.quotedInMessage).listed())
    }

    private static let longestHeader = 1 << 16

    /// The content as text.
    ///
    /// - Throws: ``Problem`` with the place of the first byte that is no UTF-8.
    func text() throws -> String {
        let text = content.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        if let text { return text }
        throw Problem(path: path, problem: "not UTF-8 text", expected: "a character", found: "a bad byte at \(firstBadByte())")
    }

    private func firstBadByte() -> Int {
        content.withUnsafeBytes { bytes in
            var parser = Unicode.UTF8.ForwardParser()
            var iterator = bytes.makeIterator()
            var position = 0
            while case .valid(let character) = parser.parseScalar(from: &iterator) { position += character.count }
            return position
        }
    }

    /// gzip is recognised by two bytes, with which token ids may begin; the third byte distinguishes them.
    private static func isCompressed(_ region: ByteRegion, name: String) -> Bool {
        switch ArchiveFormat(region) {
        case nil, .zip: false
        case .gzip: !name.hasSuffix(".bin") || region.bytes(2..<3) == [8]
        case .tar, .zstandard, .xz, .bzip2: true
        }
    }

    static let space: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]

    private static func shown(_ head: [UInt8]) -> String {
        if head.allSatisfy({ ($0 >= 0x20 && $0 < 0x7F) || space.contains($0) }) {
            return "'\(String(decoding: head.prefix(24), as: UTF8.self))'"
        }
        return head.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
