import Testing

@testable import Archives

@Suite struct ZipDirectoryTests {
    /// A zip file of stored members, field by field, so that any of them can be wrong.
    struct Builder {
        var members: [(name: String, content: [UInt8])] = [("a", [1, 2, 3]), ("b", [4, 5])]
        var flags: UInt16 = 0
        var extraSize: UInt32 = 0
        var offsetOfSecond: UInt32?
        var entryCount: UInt16?
        var directoryOffset: UInt32?
        var localName: String?
        var localSizes: UInt32?
        var uses64Bits = false

        private static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }

        func bytes() -> [UInt8] {
            var file: [UInt8] = []
            var directory: [UInt8] = []
            for (place, member) in members.enumerated() {
                let offset = place == 1 ? offsetOfSecond ?? UInt32(file.count) : UInt32(file.count)
                let size = UInt32(member.content.count)
                let name = Array((localName ?? member.name).utf8)
                let local = localSizes ?? size
                file += [0x50, 0x4B, 3, 4, 20, 0] + Self.little(flags) + [UInt8](repeating: 0, count: 10)
                file += Self.little(local) + Self.little(local) + Self.little(UInt16(name.count)) + [0, 0] + name + member.content
                let extra =
                    uses64Bits ? [1, 0, 24, 0] + Self.little(UInt64(size)) + Self.little(UInt64(size)) + Self.little(UInt64(offset)) : []
                let narrow: (UInt32) -> UInt32 = { uses64Bits ? .max : $0 }
                directory += [0x50, 0x4B, 1, 2, 20, 0, 20, 0] + Self.little(flags) + [UInt8](repeating: 0, count: 10)
                directory += Self.little(narrow(size)) + Self.little(narrow(size + extraSize))
                directory += Self.little(UInt16(member.name.utf8.count)) + Self.little(UInt16(extra.count))
                directory += [UInt8](repeating: 0, count: 10) + Self.little(narrow(offset)) + Array(member.name.utf8) + extra
            }
            let start = directoryOffset ?? UInt32(file.count)
            let count = entryCount ?? UInt16(members.count)
            let end = file.count + directory.count
            file += directory
            if uses64Bits {
                file += [0x50, 0x4B, 6, 6] + Self.little(UInt64(44)) + [45, 0, 45, 0] + [UInt8](repeating: 0, count: 8)
                file +=
                    Self.little(UInt64(count)) + Self.little(UInt64(count)) + Self.little(UInt64(directory.count))
                    + Self.little(UInt64(start))
                file += [0x50, 0x4B, 6, 7, 0, 0, 0, 0] + Self.little(UInt64(end)) + [1, 0, 0, 0]
            }
            file += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + Self.little(count) + Self.little(count)
            file += Self.little(uses64Bits ? UInt32.max : UInt32(directory.count)) + Self.little(uses64Bits ? UInt32.max : start) + [0, 0]
            return file
        }

        func problem() -> String? {
            do {
                _ = try ZipDirectory(ByteRegion(copying: bytes()))
                return nil
            } catch {
                return error.description
            }
        }
    }

    @Test func bytesThatAreNoZipGiveNil() throws {
        #expect(try ZipDirectory(ByteRegion(copying: Array("hello".utf8))) == nil)
        #expect(try ZipDirectory(ByteRegion(copying: [])) == nil)
    }

    @Test func anEmptyZipHasNoEntries() throws {
        let end: [UInt8] = [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)
        #expect(try #require(try ZipDirectory(ByteRegion(copying: end))).entries.isEmpty)
    }

    @Test(arguments: [false, true])
    func membersAreFoundInPlace(uses64Bits: Bool) throws {
        let directory = try #require(try ZipDirectory(ByteRegion(copying: Builder(uses64Bits: uses64Bits).bytes())))
        #expect(directory.entries.map(\.name) == ["a", "b"])
        #expect(directory["a"]?.region?.bytes(0..<3) == [1, 2, 3])
        #expect(directory["b"]?.region?.bytes(0..<2) == [4, 5])
        #expect(directory["b"]?.region?.count == 2)
        #expect(directory["c"] == nil)
    }

    @Test func sizesThatFollowTheDataMayBeZeroInTheLocalHeader() throws {
        #expect(Builder(flags: 8, localSizes: 0).problem() == nil)
        #expect(Builder(localSizes: 0).problem()?.contains("local header differs") == true)
    }

    @Test func theFlagOfEncryptionAloneHidesNothing() throws {
        // Encrypted contents begin with twelve bytes of their own, so that the two sizes differ.
        let flagged = try #require(try ZipDirectory(ByteRegion(copying: Builder(flags: 1).bytes())))
        #expect(flagged.entries.map { $0.region?.count } == [3, 2] && flagged.entries.allSatisfy { $0.problem == nil })
        let encrypted = try #require(try ZipDirectory(ByteRegion(copying: Builder(flags: 1, extraSize: 12).bytes())))
        #expect(encrypted.entries.allSatisfy { $0.region == nil })
        #expect(encrypted.entries[0].problem?.description == "member 'a': is encrypted")
    }

    @Test func refusesWhatDoesNotFit() {
        #expect(Builder(members: [("a", [1]), ("a", [2])]).problem() == "member 'a': the zip directory names it twice")
        #expect(Builder(extraSize: 1).problem()?.contains("two sizes") == true)
        #expect(Builder(offsetOfSecond: 0).problem()?.contains("local header differs") == true)
        #expect(Builder(members: [("a", [1]), ("a", [2])], offsetOfSecond: 0).problem() != nil)
        #expect(Builder(offsetOfSecond: 100_000).problem()?.contains("no local header") == true)
        #expect(Builder(entryCount: 1000).problem()?.contains("too small for its entries") == true)
        #expect(Builder(entryCount: 3).problem() != nil)
        #expect(Builder(directoryOffset: 1_000_000).problem()?.contains("extends past the end of the file") == true)
        #expect(Builder(localName: "x").problem()?.contains("local header differs") == true)
        #expect(Builder(localSizes: 7).problem()?.contains("expected 3 bytes, found 7") == true)
    }

    @Test func aFlagAloneIsNoEncryption() throws {
        // What is encrypted takes twelve bytes more than its content.
        let directory = try #require(try ZipDirectory(ByteRegion(copying: Builder(flags: 1).bytes())))
        #expect(directory["a"]?.region?.bytes(0..<3) == [1, 2, 3])
        #expect(directory.entries.map(\.isFlaggedEncrypted) == [true, true])
        let plain = try #require(try ZipDirectory(ByteRegion(copying: Builder().bytes())))
        #expect(plain.entries.map(\.isFlaggedEncrypted) == [false, false])
    }

    @Test func overlappingMembersAreRefused() throws {
        // The second member's local header lies inside the first member's content.
        let inner: [UInt8] = [0x50, 0x4B, 3, 4, 20, 0] + [UInt8](repeating: 0, count: 20) + [1, 0, 0, 0] + Array("b".utf8)
        var builder = Builder(members: [("a", inner), ("b", [])], offsetOfSecond: 31)
        #expect(builder.problem() == "member 'b': overlaps member 'a' in the zip file")
        builder.offsetOfSecond = nil
        #expect(builder.problem() == nil)
    }
}
