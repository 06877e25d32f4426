import Archives
import FoundationEssentials
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// Models exported for other programs: ONNX, Flax's msgpack and torch.export.
struct ExportedModelTests {
    static let files = [
        "onnx/torchscript.onnx", "onnx/numbered.onnx", "onnx/dynamo.onnx", "onnx/types.onnx", "onnx/uses.onnx", "onnx/external.onnx",
        "flax.msgpack", "flax-state.msgpack", "flax-chunked.msgpack", "flax-general.msgpack", "program.pt2", "program-old.pt2",
    ]

    @Test(arguments: files) func holdsWhatItsLibraryReads(_ name: String) throws {
        try ContainerFixtures.check(name)
    }

    @Test(arguments: files) func everyTruncationIsAnError(_ name: String) throws {
        let bytes = try ContainerFixtures.bytes(name)
        for count in 0..<bytes.count where ContainerFixtures.problem(Array(bytes[..<count])) == nil {
            // A message may end after any of its fields: tensors, or the fields after the graph, are then missing.
            if name.hasSuffix(".onnx") { continue }
            Issue.record("\(name) cut to \(count) of \(bytes.count) bytes was read")
        }
    }

    @Test(arguments: files) func flippedBitsThrowOrAreReadable(_ name: String) throws {
        try ContainerFixtures.checkFlippedBits(name, rounds: 400, seed: 6)
    }

    // MARK: - ONNX by hand

    /// A field with a length.
    private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(content.count)] + content }
    private static func field(_ number: UInt8, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

    /// A model of one tensor.
    private static func model(_ tensor: [UInt8]) -> [UInt8] { [8, 8] + field(7, field(5, tensor)) }

    private func reading(_ tensor: [UInt8]) -> String {
        do throws(Problem) {
            let file = try ONNX.read(guardedRegion(Self.model(tensor)), neighbours: .none, path: "m")
            if let unreadable = file.models[0].unreadable.first { return "\(unreadable.problem)" }
            return "\(file.models[0].tensors[0].doubles())"
        } catch {
            return "\(error)"
        }
    }

    @Test func aTensorByHandIsReadOrRefused() {
        let name = Self.field(8, "w")
        let one: [UInt8] = [8, 1, 0x10, 1]
        #expect(reading(one + name + Self.field(9, [0, 0, 0x80, 0x3F])) == "[1.0]")
        #expect(reading(one + name + Self.field(4, [0, 0, 0x80, 0x3F])) == "[1.0]")
        // Not packed, as protocol buffers of version 2 wrote it.
        #expect(reading(one + name + [0x25, 0, 0, 0x80, 0x3F]) == "[1.0]")
        #expect(reading(one + name).contains("expected 1, found 0"))
        #expect(reading(one + name + Self.field(9, [0, 0, 0x80])).contains("expected 4, found 3"))
        // An int8 of -1 is a varint of ten bytes.
        let minusOne: [UInt8] = [UInt8](repeating: 0xFF, count: 9) + [1]
        #expect(reading([8, 1, 0x10, 3] + name + Self.field(5, minusOne)) == "[-1.0]")
        #expect(reading([8, 1, 0x10, 3] + name + Self.field(5, [UInt8](repeating: 0xFF, count: 10))).contains("more than 64 bits"))
        #expect(reading([8, 1, 0x10, 22] + name + Self.field(9, [0x21])).contains("elements of type INT4 are not supported"))
        #expect(reading([8, 1, 0x10, 99] + name).contains("elements of type type 99 are not supported"))
        // Sizes that overflow, and dimensions below zero.
        let huge: [UInt8] = [8] + [UInt8](repeating: 0xFF, count: 8) + [0x7F]
        #expect(reading(huge + huge + [0x10, 1] + name).contains("overflows"))
        #expect(reading([8] + minusOne + [0x10, 1] + name).contains("negative dimension"))
        #expect(reading([0x0B, 1]).contains("wire type 3"))
        #expect(reading([8]).contains("cut number"))
        #expect(reading([0x4A, 200, 1]).contains("of which"))
    }

    @Test func filesBesideAModelStayInItsFolder() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/onnx-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder + "/inner", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let outside = folder + "-outside"
        defer { try? FileManager.default.removeItem(atPath: outside) }
        let one: [UInt8] = [0, 0, 0x80, 0x3F]
        for file in [outside, folder + "/data", folder + "/inner/data"] { try Data(one).write(to: URL(fileURLWithPath: file)) }
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: outside)
        try FileManager.default.createSymbolicLink(atPath: folder + "/same", withDestinationPath: "inner/data")

        func opened(_ location: String, _ others: [(String, String)] = []) throws -> String? {
            var tensor: [UInt8] = [8, 1, 0x10, 1] + Self.field(8, "w") + [0x70, 1]
            for (key, value) in [("location", location)] + others { tensor += Self.field(13, Self.field(1, key) + Self.field(2, value)) }
            try Data(Self.model(tensor)).write(to: URL(fileURLWithPath: folder + "/m.onnx"))
            var answers: [String] = []
            for path in [folder + "/m.onnx", folder] {
                do {
                    let file = try Checkpoint.open(path)
                    answers.append("\(file["w"]?.floats() ?? [])")
                } catch {
                    answers.append("\(error)")
                }
            }
            return answers.joined(separator: " | ")
        }
        for location in ["data", "./data", "inner/data", "same"] { #expect(try opened(location) == "[1.0] | [1.0]", "\(location)") }
        #expect(try opened("data", [("offset", "0"), ("length", "4")]) == "[1.0] | [1.0]")
        for location in ["../onnx-outside", outside, "link", "", "a//b", "inner/../data", "missing"] {
            #expect(try opened(location)?.contains("[1.0]") == false, "\(location)")
        }
        for other in [("offset", "1"), ("length", "5"), ("offset", "-1"), ("length", "9223372036854775807"), ("offset", "x")] {
            #expect(try opened("data", [other])?.contains("[1.0]") == false, "\(other)")
        }
    }

    @Test func deepMessagesEnd() {
        var graph = Self.field(2, "g")
        for _ in 0..<40 where graph.count < 100 { graph = Self.field(1, Self.field(5, Self.field(6, graph))) }
        #expect(throws: Problem.self) { try ONNX.read(guardedRegion([8, 8] + Self.field(7, graph)), neighbours: .none, path: "m") }
        #expect(throws: Problem.self) { try MessagePackReader.read(guardedRegion([UInt8](repeating: 0x91, count: 1 << 16))) }
    }

    // MARK: - Flax by hand

    @Test func aMapByHandIsReadOrRefused() {
        func reading(_ bytes: [UInt8]) -> String {
            do throws(Problem) {
                let file = try Flax.read(guardedRegion(bytes), path: "m")
                if let unreadable = file.models[0].unreadable.first { return "\(unreadable.problem)" }
                return file.models[0].tensors.map { "\($0.name) \($0.doubles())" }.joined()
            } catch {
                return "\(error)"
            }
        }
        func array(_ shape: [UInt8], _ type: String, _ bytes: [UInt8]) -> [UInt8] {
            let content =
                [0x93, 0x90 | UInt8(shape.count)] + shape + [0xA0 | UInt8(type.utf8.count)] + Array(type.utf8) + [0xC4, UInt8(bytes.count)]
                + bytes
            return [0xC7, UInt8(content.count), 1] + content
        }
        let key: [UInt8] = [0x81, 0xA1, 0x77]
        #expect(reading(key + array([2], "int8", [1, 0xFF])) == "w [1.0, -1.0]")
        #expect(reading(key + array([3], "int8", [1, 0xFF])).contains("wrong number of bytes, expected 3, found 2"))
        #expect(reading(key + array([2], "object", [1, 2])).contains("elements of type 'object' are not supported"))
        #expect(reading(key + array([0xFF], "int8", [])).contains("not a number of at least 0"))
        #expect(reading([0x81, 0xC0, 0x01]).contains("a key that is not a string"))
        #expect(reading([0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0xA1]).contains("is damaged as MessagePack"))
        #expect(reading([0x81, 0xA1, 0x77, 0xC6, 0xFF, 0xFF, 0xFF, 0xFF]).contains("of which 0 are left"))
        #expect(reading(key + [0x01]).contains("holds no arrays"))
        #expect(reading(key + array([1], "int8", [1]) + [0]).contains("1 bytes after the value"))
    }
}
