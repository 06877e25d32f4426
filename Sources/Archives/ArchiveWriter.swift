import CArchive
import Text

/// Writes an archive into a sink, member by member. The same members give the same bytes: times, owners and
/// permissions are fixed.
///
/// Call ``begin(name:size:)``, then ``write(_:)`` until the declared size is reached, for each member; then ``finish()``.
package final class ArchiveWriter {
    package enum Format: Sendable {
        /// The plain tar of POSIX, with extended headers only if a name or a size needs them.
        case tar
        /// A zip whose members are stored uncompressed, with 64-bit sizes if they are needed.
        case zip
        /// The bytes of one member as gzip compresses them, without its name.
        case gzip
    }

    private let handle: OpaquePointer
    private let sink: Sink
    private var member: String?
    private var missing = 0
    private var isFinished = false

    /// A writer whose output goes to `sink`, piece by piece; the pieces must not outlive the call.
    package init(_ format: Format, sink: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let handle = archive_write_new() else { throw Problem("out of memory") }
        self.handle = handle
        self.sink = Sink(sink)
        var status: Int32
        switch format {
        case .tar:
            status = archive_write_set_format_pax_restricted(handle)
        case .zip:
            status = archive_write_set_format_zip(handle)
            if status == ARCHIVE_OK { status = archive_write_zip_set_compression_store(handle) }
        case .gzip:
            status = archive_write_set_format_raw(handle)
            if status == ARCHIVE_OK { status = archive_write_add_filter_gzip(handle) }
            // Without a value the option is off: no time is written.
            if status == ARCHIVE_OK { status = archive_write_set_filter_option(handle, "gzip", "timestamp", nil) }
        }
        if status == ARCHIVE_OK { status = archive_write_set_bytes_per_block(handle, 1 << 16) }
        if status == ARCHIVE_OK { status = archive_write_set_bytes_in_last_block(handle, 1) }
        if status == ARCHIVE_OK {
            status = archive_write_open(
                handle, Unmanaged.passUnretained(self.sink).toOpaque(), nil,
                { _, context, bytes, count in
                    guard let context else { return -1 }
                    let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
                    return sink.take(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
                }, nil)
        }
        try check(status)
    }

    deinit {
        // Closing a writer that was given up would still write the archive's end.
        if !isFinished { archive_write_fail(handle) }
        archive_write_free(handle)
    }

    /// Starts a file of exactly `size` bytes called `name`.
    package func begin(name: String, size: Int) throws {
        try checkComplete()
        guard let entry = archive_entry_new() else { throw Problem("out of memory") }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, name)
        archive_entry_set_size(entry, Int64(size))
        archive_entry_set_filetype(entry, CARCHIVE_TYPE_FILE)
        archive_entry_set_perm(entry, 0o644)
        archive_entry_set_mtime(entry, 0, 0)
        archive_entry_set_uid(entry, 0)
        archive_entry_set_gid(entry, 0)
        member = name
        missing = size
        try check(try withUTF8Names { () in archive_write_header(handle, entry) })
    }

    /// Adds the next bytes of the current member.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        precondition(bytes.count <= missing, "\(bytes.count) bytes for a member that lacks \(missing)")
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let written = archive_write_data(handle, base, rest.count)
            guard written > 0 else {
                try check(Int32(clamping: min(written, -1)))
                return
            }
            missing -= written
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Adds a whole member.
    package func add(name: String, _ bytes: some Collection<UInt8>) throws {
        try begin(name: name, size: bytes.count)
        try Array(bytes).withUnsafeBytes { try write($0) }
    }

    /// Writes the archive's end. The archive is incomplete without this call.
    package func finish() throws {
        try checkComplete()
        try check(archive_write_close(handle))
        isFinished = true
    }

    private func checkComplete() throws {
        guard missing == 0 else {
            throw Problem("a member was left incomplete", member: member, found: "\(missing) bytes fewer than declared")
        }
    }

    /// Throws what the sink threw, or libarchive's own words.
    private func check(_ status: Int32) throws {
        if let error = sink.error { throw error }
        guard status == ARCHIVE_OK else {
            let words = archive_error_string(handle).map { String(cString: $0) } ?? "unknown error"
            throw Problem("cannot write the archive: " + words, member: member)
        }
    }

    /// Carries the caller's closure, and the error it throws, through libarchive.
    private final class Sink {
        private let body: (UnsafeRawBufferPointer) throws -> Void
        private(set) var error: (any Error)?

        init(_ body: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.body = body }

        func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
            guard error == nil else { return false }
            do {
                try body(bytes)
                return true
            } catch {
                self.error = error
                return false
            }
        }
    }
}
