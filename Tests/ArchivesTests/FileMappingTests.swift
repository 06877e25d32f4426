import Foundation
import Testing

@testable import Archives

/// Files that another process writes while they are open.
@Suite struct FileMappingTests {
    private static func with<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("modinspect-test-" + UUID().uuidString).path
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private static func overwrite(_ path: String, _ bytes: [UInt8]) throws {
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    @Test func aSmallFileStaysWhatItWas() throws {
        try Self.with([1, 2, 3]) { path in
            let region = try ByteRegion.mapping(path: path)
            try Self.overwrite(path, [9, 9])
            #expect(truncate(path, 0) == 0)
            #expect(region.bytes(0..<3) == [1, 2, 3])
        }
    }

    @Test func aLargeFileIsMappedAndCanBeTakenIntoMemory() throws {
        let bytes = [UInt8](repeating: 7, count: ByteRegion.largestRead + 1)
        try Self.with(bytes) { path in
            let mapped = try ByteRegion.mapping(path: path)
            let own = mapped.inMemory
            let content = try ByteRegion.contents(path: path)
            try Self.overwrite(path, [9])
            #expect(mapped.bytes(0..<2) == [9, 7])
            #expect(own.bytes(0..<2) == [7, 7] && own.count == bytes.count)
            #expect(content.bytes(0..<2) == [7, 7] && content.count == bytes.count)
        }
    }

    @Test func hundredsOfFilesAreMappedAtOnce() throws {
        let bytes = [UInt8](repeating: 7, count: ByteRegion.largestRead + 1)
        try Self.with(bytes) { path in
            for _ in 0..<3 {
                let regions = try (0..<600).map { _ in try ByteRegion.mapping(path: path) }
                #expect(regions.allSatisfy { $0.bytes(0..<1) == [7] })
            }
        }
    }
}
