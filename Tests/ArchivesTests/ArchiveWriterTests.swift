import Glibc
import Testing
import Text

@testable import Archives

@Suite struct ArchiveWriterTests {
    private static func write(_ format: ArchiveWriter.Format, _ members: [(String, [UInt8])]) throws -> [UInt8] {
        final class Output { var bytes: [UInt8] = [] }
        let output = Output()
        let writer = try ArchiveWriter(format) { output.bytes.append(contentsOf: $0) }
        for (name, content) in members { try writer.add(name: name, content) }
        try writer.finish()
        return output.bytes
    }

    private static let members: [(String, [UInt8])] = [
        ("model.safetensors", (0..<5000).map { UInt8($0 % 251) }), ("empty", []),
        ("größe/" + String(repeating: "n", count: 150), [1, 2, 3]),
    ]

    @Test func aTarIsReadBackInPlace() throws {
        let region = ByteRegion(copying: try Self.write(.tar, Self.members))
        let reader = try #require(try ArchiveReader(region))
        #expect(reader.label == "tar")
        for (name, content) in Self.members {
            let member = try #require(try reader.next())
            #expect(member.name == name)
            #expect(member.size == content.count)
            #expect(member.kind == .file)
            let bytes = try reader.content()
            #expect(bytes.bytes(0..<bytes.count) == content)
        }
        #expect(try reader.next() == nil)
    }

    @Test func aZipIsReadBackInPlace() throws {
        let directory = try #require(try ZipDirectory(ByteRegion(copying: try Self.write(.zip, Self.members))))
        #expect(directory.entries.map(\.name) == Self.members.map(\.0))
        for (entry, (_, content)) in zip(directory.entries, Self.members) {
            #expect(entry.isStored)
            #expect(entry.region?.bytes(0..<entry.size) == content)
        }
    }

    @Test(arguments: [ArchiveWriter.Format.tar, .zip])
    func theSameMembersGiveTheSameBytesAtAnyTime(_ format: ArchiveWriter.Format) throws {
        let first = try Self.write(format, Self.members)
        sleep(2)
        #expect(try Self.write(format, Self.members) == first)
    }

    @Test func gzipHoldsNeitherTimeNorName() throws {
        let gzip = try Self.write(.gzip, [("name", (0..<5000).map { UInt8($0 % 251) })])
        // Magic number, deflate, no flags, no time.
        #expect(gzip.prefix(8) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0])
        #expect(gzip.suffix(4) == [0x88, 0x13, 0, 0])
    }

    @Test func anIncompleteMemberIsAnError() throws {
        let writer = try ArchiveWriter(.tar) { _ in }
        try writer.begin(name: "a", size: 10)
        #expect(throws: Problem.self) { try writer.finish() }
    }

    @Test func theSinksErrorComesBack() throws {
        struct Full: Error {}
        let writer = try ArchiveWriter(.tar) { _ in throw Full() }
        #expect(throws: Full.self) {
            try writer.add(name: "a", [UInt8](repeating: 1, count: 1 << 18))
            try writer.finish()
        }
    }
}
