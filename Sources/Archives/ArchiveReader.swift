import CArchive
import Text

/// Reads the members of a tar (plain or compressed) or zip archive one after the other, or the one content of a compressed file.
///
/// Members are names and bytes: nothing is ever written under a member's name. Members of an uncompressed tar are used in place;
/// others are spooled when they are requested, and only then. Links and special files have no content.
/// An archive that unpacks to more than 1 GiB and to more than 200 times its own size is refused, skipped members included.
package final class ArchiveReader {
    /// The description of one member.
    package struct Member: Sendable {
        package enum Kind: Sendable, Equatable {
            case file, directory
            /// A second name for the member called `target`.
            case hardLink(target: String)
            /// A link to the path `target`, relative to the link's folder.
            case symbolicLink(target: String)
            /// A device, FIFO or socket.
            case special
        }

        /// The name as stored; it may be absolute or hold `..`.
        package let name: String
        /// The declared size in bytes; nil for the content of a compressed file, which declares none.
        package let size: Int?
        package let kind: Kind
    }

    /// What users call the archive: `tar`, `tar.gz`, `zip`, or `gz` where a compressed file holds no archive.
    package let label: String
    /// Whether the bytes are one compressed file rather than an archive.
    package let isSingleFile: Bool

    /// libarchive reads from the region's address, which stays where it is for as long as the region is kept.
    private let region: ByteRegion
    private let format: ArchiveFormat
    private let handle: ArchiveHandle
    private let memory = SpoolMemory()
    private let limit: Int
    private var delivered = 0
    private var memberCount = 0
    private var current: Member?
    private var block: Block?

    private static let maximumMembers = 100_000
    private static let maximumNameLength = 4096

    /// Opens the archive whose bytes are `region`; nil if it is neither an archive nor compressed.
    ///
    /// - Parameter unpackedLimit: the bytes up to which any archive may unpack, whatever its own size.
    /// - Throws: ``Problem`` if the beginning is damaged.
    package init?(_ region: ByteRegion, unpackedLimit: Int = 1 << 30) throws(Problem) {
        guard let format = ArchiveFormat(region) else { return nil }
        let (scaled, overflow) = region.count.multipliedReportingOverflow(by: 200)
        limit = max(unpackedLimit, overflow ? .max : scaled)
        self.region = region
        self.format = format
        // What a compressed stream holds shows when it is opened: no tar is one file.
        do {
            handle = try ArchiveHandle.reading(region, format, raw: false)
            isSingleFile = false
        } catch {
            if format.isPlain { throw error }
            handle = try ArchiveHandle.reading(region, format, raw: true)
            isSingleFile = true
        }
        label = format.label(holdsTar: !isSingleFile)
    }

    /// The next member, or nil at the archive's end.
    ///
    /// - Throws: ``Problem`` if the archive is damaged, truncated, or unpacks to too much.
    package func next() throws(Problem) -> Member? {
        try skip()
        current = try withUTF8Names { () throws(Problem) in
            var entry: OpaquePointer?
            var status = archive_read_next_header(handle.pointer, &entry)
            for _ in 0..<3 where status == ARCHIVE_RETRY { status = archive_read_next_header(handle.pointer, &entry) }
            return try interpret(status, entry)
        }
        return current
    }

    /// The first bytes of the current member, at most `count`, without consuming them.
    package func head(_ count: Int) throws(Problem) -> [UInt8] {
        guard current?.kind == .file else { return [] }
        if block == nil { block = try readBlock() }
        guard let block, block.offset == 0 else { return [] }
        return Array(block.bytes.prefix(count))
    }

    /// The content of the current member, which must be a file; in place where it can be, spooled otherwise.
    ///
    /// - Throws: ``Problem`` if it is damaged, or shorter or longer than declared.
    package func content() throws(Problem) -> ByteRegion {
        guard let member = current, member.kind == .file else { throw Problem("has no content", member: current?.name) }
        if let size = member.size, size > limit {
            throw tooLarge(member)
        }
        let first: Block?
        if let block {
            first = block
        } else {
            first = try readBlock()
        }
        block = nil
        if format == .tar, let size = member.size, let first, first.offset == 0, let place = place(of: first) {
            guard size <= region.count - place else {
                throw Problem(
                    "the archive is truncated", member: member.name, expected: "\(size) bytes", found: "\(region.count - place)")
            }
            if first.bytes.count == size, let bytes = region.slice(offset: place, count: size) { return bytes }
        }
        let spool = Spool(memory: memory)
        var next = first
        while let block = next {
            let end = block.offset.addingReportingOverflow(block.bytes.count)
            guard !end.overflow, block.offset >= spool.count, end.partialValue <= member.size ?? .max else {
                throw Problem("holds more than it declares", member: member.name, expected: "\(member.size ?? 0) bytes")
            }
            if block.offset > spool.count { try spool.appendZeros(block.offset - spool.count) }
            try spool.append(block.bytes)
            next = try readBlock()
        }
        if let size = member.size {
            // A sparse member may end in a hole; other formats deliver every byte or an error.
            if spool.count < size, format != .zip, isSparse { try spool.appendZeros(size - spool.count) }
            guard spool.count == size else {
                throw Problem("a short read", member: member.name, expected: "\(size) bytes", found: "\(spool.count)")
            }
        }
        return try spool.finish()
    }

    /// Reads the content of the current member and keeps none of it.
    ///
    /// - Throws: ``Problem`` if it is damaged; a zip file has a checksum of each member.
    package func verify() throws(Problem) {
        block = nil
        while try readBlock() != nil {}
    }

    // MARK: - libarchive

    /// A piece of a member's content; the bytes are valid until the next call of libarchive.
    private struct Block {
        let bytes: UnsafeRawBufferPointer
        let offset: Int
    }

    private var isSparse = false

    private func interpret(_ status: Int32, _ entry: OpaquePointer?) throws(Problem) -> Member? {
        block = nil
        switch status {
        case ARCHIVE_OK, ARCHIVE_WARN: break
        case ARCHIVE_EOF: return nil
        default: throw handle.error(after: current?.name)
        }
        guard let entry else { throw Problem("the archive has a member without a header") }
        memberCount += 1
        guard memberCount <= Self.maximumMembers else {
            throw Problem("the archive has more than \(Self.maximumMembers) members")
        }
        try checkLimit(name: nil)
        let path = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)
        let name = path.map { String(cString: $0) } ?? "(unnamed)"
        guard name.utf8.count <= Self.maximumNameLength else {
            throw Problem(
                "a member's name is too long", expected: "at most \(Self.maximumNameLength) bytes", found: "\(name.utf8.count)")
        }
        isSparse = archive_entry_sparse_count(entry) > 0
        var size: Int?
        if archive_entry_size_is_set(entry) != 0 {
            let declared = archive_entry_size(entry)
            guard declared >= 0, let count = Int(exactly: declared) else {
                throw Problem("a negative size", member: name, found: "\(declared)")
            }
            size = count
        }
        return Member(name: name, size: size, kind: kind(of: entry))
    }

    private func kind(of entry: OpaquePointer) -> Member.Kind {
        if let target = archive_entry_hardlink(entry) ?? archive_entry_hardlink_utf8(entry) {
            return .hardLink(target: String(cString: target))
        }
        switch UInt32(archive_entry_filetype(entry)) & CARCHIVE_TYPE_MASK {
        case CARCHIVE_TYPE_FILE: return .file
        case CARCHIVE_TYPE_DIRECTORY: return .directory
        case CARCHIVE_TYPE_LINK:
            return (archive_entry_symlink(entry) ?? archive_entry_symlink_utf8(entry)).map { .symbolicLink(target: String(cString: $0)) }
                ?? .special
        default: return .special
        }
    }

    /// The next piece of the current member, nil at its end.
    private func readBlock() throws(Problem) -> Block? {
        var retries = 0
        while true {
            var pointer: UnsafeRawPointer?
            var size = 0
            var offset: Int64 = 0
            switch archive_read_data_block(handle.pointer, &pointer, &size, &offset) {
            case ARCHIVE_EOF:
                return nil
            case ARCHIVE_OK:
                // An empty piece without an address is not the end, which has its own status.
                guard let pointer, size > 0 else {
                    retries += 1
                    guard retries < 1000 else { throw Problem("the archive yields nothing", member: current?.name) }
                    continue
                }
                guard let place = Int(exactly: offset), place >= 0 else {
                    throw Problem("the archive is damaged", member: current?.name, found: "an offset of \(offset)")
                }
                delivered += size
                try checkLimit(name: current?.name)
                return Block(bytes: UnsafeRawBufferPointer(start: pointer, count: size), offset: place)
            case ARCHIVE_RETRY where retries < 3:
                retries += 1
            default:
                throw handle.error(in: current?.name)
            }
        }
    }

    /// Leaves the current member. libarchive would unpack all of it unseen, so what is compressed is counted here.
    private func skip() throws(Problem) {
        guard !format.isPlain, current?.kind == .file else { return }
        try verify()
    }

    private func checkLimit(name: String?) throws(Problem) {
        guard !format.isPlain || format == .zip else { return }
        let unpacked = max(delivered, Int(archive_filter_bytes(handle.pointer, 0)))
        guard unpacked <= limit else {
            throw Problem(
                "the archive unpacks to more than 200 times its size", member: name, expected: "at most \(limit) bytes",
                found: "more than \(unpacked)", hint: "unpack it first if it can be trusted")
        }
    }

    private func tooLarge(_ member: Member) -> Problem {
        Problem(
            "declares more than an archive of \(region.count) bytes may hold", member: member.name, expected: "at most \(limit) bytes",
            found: "\(member.size ?? 0)")
    }

    private func place(of block: Block) -> Int? {
        region.withUnsafeBytes { whole in
            guard let base = whole.baseAddress, let start = block.bytes.baseAddress, start >= base,
                block.bytes.count <= whole.count, start - base <= whole.count - block.bytes.count
            else { return nil }
            return start - base
        }
    }
}

/// Owns a libarchive reader and turns its errors into ours.
private final class ArchiveHandle {
    let pointer: OpaquePointer

    private init() throws(Problem) {
        guard let pointer = archive_read_new() else { throw Problem("out of memory") }
        self.pointer = pointer
    }

    deinit { archive_read_free(pointer) }

    /// A reader of `region` that knows only what the first bytes announce.
    static func reading(_ region: ByteRegion, _ format: ArchiveFormat, raw: Bool) throws(Problem) -> ArchiveHandle {
        let handle = try ArchiveHandle()
        switch format {
        case .tar, .zip: break
        case .gzip: archive_read_support_filter_gzip(handle.pointer)
        case .zstandard: archive_read_support_filter_zstd(handle.pointer)
        case .xz: archive_read_support_filter_xz(handle.pointer)
        case .bzip2: archive_read_support_filter_bzip2(handle.pointer)
        }
        if format == .zip {
            archive_read_support_format_zip_seekable(handle.pointer)
        } else if raw {
            archive_read_support_format_raw(handle.pointer)
        } else {
            archive_read_support_format_tar(handle.pointer)
        }
        let status = region.withUnsafeBytes { archive_read_open_memory(handle.pointer, $0.baseAddress, $0.count) }
        guard status == ARCHIVE_OK else { throw handle.error(in: nil) }
        return handle
    }

    func error(in member: String?) -> Problem {
        Problem(text, member: member)
    }

    func error(after member: String?) -> Problem {
        Problem(text + (member.map { " after member '\($0)'" } ?? ""))
    }

    private var text: String {
        let words = archive_error_string(pointer).map { String(cString: $0) } ?? "unknown error"
        return "the archive is damaged or truncated: " + words
    }
}
