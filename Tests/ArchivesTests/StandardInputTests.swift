import Glibc
import Testing
import Text

@testable import Archives

@Suite struct StandardInputTests {
    /// A pipe that contains `bytes` and is closed after them. They must fit into the pipe's buffer of 64 KiB.
    private static func pipe(holding bytes: [UInt8]) throws -> Int32 {
        var ends: [Int32] = [0, 0]
        try #require(Glibc.pipe(&ends) == 0)
        #expect(write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        return ends[0]
    }

    @Test func aPipeIsReadToItsEnd() throws {
        let bytes = (0..<60_000).map { UInt8($0 % 251) }
        let descriptor = try Self.pipe(holding: bytes)
        defer { close(descriptor) }
        let region = try ByteRegion.reading(descriptor: descriptor, limit: 60_000)
        #expect(region.bytes(0..<region.count) == bytes)
    }

    @Test func moreThanTheLimitIsAnError() throws {
        let descriptor = try Self.pipe(holding: [UInt8](repeating: 1, count: 101))
        defer { close(descriptor) }
        let error = #expect(throws: Problem.self) { try ByteRegion.reading(descriptor: descriptor, limit: 100) }
        #expect(error?.description.hasPrefix("too much on standard input, expected at most 100 bytes") == true)
    }

    @Test func nothingIsAnError() throws {
        let descriptor = try Self.pipe(holding: [])
        defer { close(descriptor) }
        let error = #expect(throws: Problem.self) { try ByteRegion.reading(descriptor: descriptor, limit: 100) }
        #expect(error?.description == "standard input is empty")
    }

    @Test func aRedirectedFileIsMappedWhole() throws {
        let descriptor = open(#filePath, O_RDONLY)
        defer { close(descriptor) }
        // A file is mapped, so the limit on what is copied does not apply.
        let region = try ByteRegion.reading(descriptor: descriptor, limit: 1)
        #expect(region.bytes(0..<6) == Array("import".utf8))
    }

    @Test func whatIsOfNoKnownKindIsNotReadBeyondItsHead() throws {
        let descriptor = try Self.pipe(holding: [UInt8](repeating: 0x79, count: 60_000))
        defer { close(descriptor) }
        let region = try ByteRegion.reading(descriptor: descriptor, limit: 60_000) { head in
            #expect(head.count == ByteRegion.headLength)
            return false
        }
        #expect(region.count == ByteRegion.headLength)
        var left = [UInt8](repeating: 0, count: 60_000)
        #expect(read(descriptor, &left, left.count) == 60_000 - ByteRegion.headLength)
    }

    @Test func aShortInputIsJudgedByItsReader() throws {
        let descriptor = try Self.pipe(holding: [1, 2, 3])
        defer { close(descriptor) }
        let region = try ByteRegion.reading(descriptor: descriptor, limit: 100) { _ in false }
        #expect(region.bytes(0..<region.count) == [1, 2, 3])
    }
}
