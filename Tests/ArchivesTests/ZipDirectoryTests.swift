import Testing

@testable import Archives

@Suite struct ZipDirectoryTests {
    @Test func bytesThatAreNoZipGiveNil() throws {
        #expect(try ZipDirectory(ByteRegion(copying: Array("hello".utf8))) == nil)
        #expect(try ZipDirectory(ByteRegion(copying: [])) == nil)
    }

    @Test func anEmptyZipHasNoEntries() throws {
        let end: [UInt8] = [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)
        #expect(try #require(try ZipDirectory(ByteRegion(copying: end))).entries.isEmpty)
    }
}
