import CArchive
import Glibc
import Testing
import Text

@testable import Archives

@Suite struct ArchiveReaderTests {
    /// A tar of zeros, compressed by libarchive itself.
    private static func compressedTar(_ members: [(String, Int)], declared: Int? = nil) -> [UInt8] {
        let capacity = 16 << 20
        var output = [UInt8](repeating: 0, count: capacity)
        var used = 0
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        output.withUnsafeMutableBytes { buffer in
            let writer = archive_write_new()
            archive_write_set_format_ustar(writer)
            archive_write_add_filter_zstd(writer)
            archive_write_open_memory(writer, buffer.baseAddress, buffer.count, &used)
            for (name, size) in members {
                let entry = archive_entry_new()
                archive_entry_set_pathname(entry, name)
                archive_entry_set_size(entry, Int64(declared ?? size))
                archive_entry_set_filetype(entry, CARCHIVE_TYPE_FILE)
                archive_write_header(writer, entry)
                var left = size
                while left > 0 {
                    let piece = min(left, zeros.count)
                    archive_write_data(writer, zeros, piece)
                    left -= piece
                }
                archive_entry_free(entry)
            }
            archive_write_close(writer)
            archive_write_free(writer)
        }
        return Array(output[..<used])
    }

    private static func readAll(_ bytes: [UInt8], limit: Int, contents: Bool) throws -> Int {
        let reader = try #require(try ArchiveReader(ByteRegion(copying: bytes), unpackedLimit: limit))
        var total = 0
        while let member = try reader.next() {
            if contents, member.kind == .file { total += try reader.content().count }
        }
        return total
    }

    @Test func aBombIsRefusedWhetherItIsReadOrSkipped() throws {
        let bomb = Self.compressedTar([("a", 64 << 20), ("b", 1)])
        #expect(bomb.count < 100_000)
        for contents in [false, true] {
            let error = #expect(throws: Problem.self) { try Self.readAll(bomb, limit: 1 << 20, contents: contents) }
            #expect(error?.description.contains("at most \(max(1 << 20, bomb.count * 200)) bytes") == true)
        }
        #expect(try Self.readAll(bomb, limit: 1 << 30, contents: true) == (64 << 20) + 1)
    }

    @Test func whatDoesNotFitMemoryGoesToAFileThatHasNoName() throws {
        let archive = Self.compressedTar([("a", 50 << 20), ("b", 30 << 20)])
        let reader = try #require(try ArchiveReader(ByteRegion(copying: archive)))
        for size in [50 << 20, 30 << 20] {
            _ = try #require(try reader.next())
            let content = try reader.content()
            #expect(content.count == size)
            #expect(content.withUnsafeBytes { bytes in bytes.allSatisfy { $0 == 0 } })
        }
    }

    @Test func aMemberThatDeclaresTooMuchIsRefusedBeforeItIsRead() throws {
        var header = [UInt8](repeating: 0, count: 1024)
        header[0] = UInt8(ascii: "a")
        for (place, byte) in "77777777777".utf8.enumerated() { header[124 + place] = byte }
        header[156] = UInt8(ascii: "0")
        for (place, byte) in "ustar\u{0}00".utf8.enumerated() { header[257 + place] = byte }
        for place in 148..<156 { header[place] = 0x20 }
        let sum = String(header[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
        for (place, byte) in (String(repeating: "0", count: 6 - sum.count) + sum).utf8.enumerated() { header[148 + place] = byte }
        let reader = try #require(try ArchiveReader(ByteRegion(copying: header)))
        #expect(try reader.next()?.size == 0o77777777777)
        let error = #expect(throws: Problem.self) { try reader.content() }
        #expect(error?.member == "a")
    }

    @Test func theHeadOfAMemberIsNotConsumed() throws {
        let reader = try #require(try ArchiveReader(ByteRegion(copying: Self.compressedTar([("a", 3 << 20)]))))
        _ = try reader.next()
        #expect(try reader.head(16) == [UInt8](repeating: 0, count: 16))
        #expect(try reader.head(16).count == 16)
        #expect(try reader.content().count == 3 << 20)
    }

    @Test func otherBytesAreNoArchive() throws {
        #expect(try ArchiveReader(ByteRegion(copying: Array("hello".utf8))) == nil)
        #expect(try ArchiveReader(ByteRegion(copying: [UInt8](repeating: 0, count: 1024))) == nil)
    }

    @Test func aSocketIsRefusedByName() throws {
        let path = "/tmp/modinspect-socket-\(getpid())"
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        defer {
            close(descriptor)
            unlink(path)
        }
        try #require(bound == 0)
        let error = #expect(throws: Problem.self) { try ByteRegion.mapping(path: path) }
        #expect(error?.description == "is a socket, expected a regular file")
    }
}
