import Archives
import FoundationEssentials
import TestSupport
import Testing

@testable import Checkpoints

/// Files with two names that are the same to `String`, but not to whoever wrote them.
@Suite struct DistinctNamesTests {
    /// An é of one scalar, and of two.
    private static let (composed, decomposed) = ("caf\u{E9}.weight", "cafe\u{301}.weight")
    private static let message = "has a name that differs from another's only in its Unicode normalisation"

    private static func header(_ names: [String]) -> [UInt8] {
        let members = names.enumerated().map { place, name in
            "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[\(8 * place),\(8 * place + 8)]}"
        }
        let json = Array("{\(members.joined(separator: ","))}".utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json + [UInt8](repeating: 0, count: 8 * names.count)
    }

    private static func problem(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "was read"
        } catch {
            return "\(error)"
        }
    }

    @Test func aFileOfBothIsRefused() throws {
        for names in [[Self.composed, Self.decomposed], [Self.decomposed, "x", Self.composed]] {
            let found = Self.problem { _ = try Checkpoint.open(ByteRegion(copying: Self.header(names)), path: "a.safetensors") }
            #expect(found.contains("'\(names[names.count - 1])'") && found.contains(Self.message), "\(found)")
        }
        let one = try Checkpoint.open(ByteRegion(copying: Self.header([Self.decomposed, "cafe.weight"])), path: "a.safetensors")
        #expect(Set(one.tensors.map { Array($0.name.utf8) }) == [Array(Self.decomposed.utf8), Array("cafe.weight".utf8)])
    }

    @Test func aNameTwiceIsSaidToBeTwice() {
        var names = DistinctNames()
        #expect(names.conflict(adding: Self.composed) == nil)
        #expect(names.conflict(adding: Self.composed) == "appears twice")
        #expect(names.conflict(adding: Self.decomposed) == Self.message)
        #expect(names.conflict(adding: "cafe.weight") == nil)
    }

    @Test func anIndexOfBothIsRefused() throws {
        try TemporaryFolder.with { folder in
            for (shard, name) in [("1.safetensors", Self.composed), ("2.safetensors", Self.decomposed)] {
                try Data(Self.header([name])).write(to: URL(filePath: folder + "/" + shard))
            }
            let index = "{\"weight_map\":{\"\(Self.composed)\":\"1.safetensors\",\"\(Self.decomposed)\":\"2.safetensors\"}}"
            try Data(index.utf8).write(to: URL(filePath: folder + "/model.safetensors.index.json"))
            let found = Self.problem { _ = try Checkpoint.open(folder) }
            #expect(found.contains(Self.message), "\(found)")
        }
    }

    /// A member of a tar as POSIX.1-1988 has it, with the bytes of its name as they are.
    private static func member(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at place: Int) { for (offset, byte) in text.utf8.enumerated() { header[place + offset] = byte } }
        let octal = String(bytes.count, radix: 8)
        put(name, at: 0)
        for (text, place) in [("0000644", 100), ("0000000", 108), ("0000000", 116), ("00000000000", 136), ("        ", 148), ("0", 156)] {
            put(text, at: place)
        }
        put(String(repeating: "0", count: 11 - octal.count) + octal, at: 124)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum + "\0 ", at: 148)
        return header + bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
    }

    @Test func anArchiveOfBothIsRefused() throws {
        let model = Self.header(["w"])
        let names = ["caf\u{E9}.safetensors", "cafe\u{301}.safetensors"]
        let tar = names.flatMap { Self.member($0, model) } + [UInt8](repeating: 0, count: 1024)
        let found = Self.problem { _ = try Checkpoint.open(ByteRegion(copying: tar), path: "a.tar") }
        #expect(found.contains(Self.message), "\(found)")
    }
}
