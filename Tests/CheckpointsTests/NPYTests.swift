import Archives
import Testing

@testable import Checkpoints

@Suite struct NPYTests {
    private static let twelve = (0..<12).map(Double.init)

    static func file(_ header: String, data: Int) -> [UInt8] {
        var bytes = NPYHeader.magic + [1, 0]
        bytes += withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { Array($0) }
        return bytes + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    @Test(arguments: [
        ("c-order", DType.f32), ("fortran-order", .f64), ("version-2", .f16), ("version-3", .f16), ("i1", .i8), ("i2", .i16),
        ("i4", .i32), ("i8", .i64), ("u1", .u8), ("u2", .u16), ("u4", .u32), ("u8", .u64),
    ])
    func readsWhatNumpyWrites(_ name: String, _ dtype: DType) throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path(name + ".npy"))
        let tensor = try #require(checkpoint[name])
        #expect(checkpoint.tensors.count == 1)
        #expect(tensor.dtype == dtype)
        #expect(tensor.shape == [3, 4])
        #expect(tensor.doubles() == Self.twelve)
    }

    @Test func fortranOrderBecomesStrides() throws {
        let tensor = try #require(try Checkpoint.open(FormatFixtures.path("fortran-order.npy")).tensors.first)
        #expect(tensor.strides == [1, 3])
        let cube = try #require(try Checkpoint.open(FormatFixtures.path("three-fortran.npy")).tensors.first)
        #expect(cube.strides == [1, 2, 6])
        #expect(cube.doubles() == (0..<24).map(Double.init))
    }

    @Test func readsTruthValuesAndScalars() throws {
        let truth = try #require(try Checkpoint.open(FormatFixtures.path("truth.npy")).tensors.first)
        #expect(truth.dtype == .bool)
        #expect(truth.doubles() == Self.twelve.map { Double(Int($0) % 2) })
        let scalar = try #require(try Checkpoint.open(FormatFixtures.path("scalar.npy")).tensors.first)
        #expect(scalar.shape == [])
        #expect(scalar.doubles() == [7])
    }

    @Test(arguments: [
        ("big-endian", "big-endian numbers are not supported"), ("objects", "Python objects"), ("structured", "structured"),
        ("text", "unsupported type"), ("complex", "unsupported type"),
    ])
    func refusesByName(_ name: String, _ words: String) {
        let text = problem { try Checkpoint.open(FormatFixtures.path(name + ".npy")) }
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test(arguments: [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 44, "truncated"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 52, "more data"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0, "overflows"),
        ("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 4611686018427387904, 4), }", 0, "overflows"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 0, "not valid"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 0, "not valid"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", 12, "not valid"),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", 12, "not valid"),
        ("{'descr': '<f4', 'shape': (3,), }", 12, "incomplete"),
        ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12, "unexpected key"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } 1", 12, "not valid"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (", 12, "not valid"),
        ("{'descr': '", 12, "not valid"),
        ("", 12, "not valid"),
    ])
    func refuses(_ header: String, data: Int, because words: String) {
        let text = problem { try openCheckpoint(Self.file(header, data: data)) }
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test(arguments: ["c-order.npy", "fortran-order.npy", "version-2.npy", "stored.npz", "deflated.npz"])
    func everyTruncationIsAnError(_ name: String) throws {
        let whole = try FormatFixtures.bytes(name)
        #expect(problem { try openCheckpoint(whole) } == nil)
        for count in 0..<whole.count {
            #expect(problem { try openCheckpoint(Array(whole[..<count])) } != nil, "cut at \(count)")
        }
    }

    @Test(arguments: ["stored.npz", "deflated.npz"])
    func npzKeepsTheFilesOrder(_ name: String) throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path(name))
        #expect(checkpoint.container == "npz")
        #expect(checkpoint.keepsOrder)
        #expect(checkpoint.tensors.map(\.name) == ["fc2.weight", "fc1.weight"])
        #expect(checkpoint.tensors.map(\.dtype) == [.f32, .f64])
        for tensor in checkpoint.tensors { #expect(tensor.doubles() == Self.twelve) }
    }

    @Test func namesBeyondASCIIAreReadInCompressedFiles() throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("names.npz"))
        #expect(checkpoint["größe.weight"]?.doubles() == Self.twelve)
    }

    @Test func aStoredMemberWhoseChecksumIsWrongIsNotRead() throws {
        var bytes = try FormatFixtures.bytes("stored.npz")
        // The central directory follows the last member's content.
        let end = try #require(bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == [0x50, 0x4B, 1, 2] })
        bytes[end - 1] ^= 1
        let checkpoint = try openCheckpoint(bytes)
        #expect(checkpoint.tensors.map(\.name) == ["fc2.weight"])
        #expect(checkpoint.unreadable.map(\.name) == ["fc1.weight"])
        #expect(checkpoint.unreadable.first?.problem.description.contains("bad CRC") == true, "\(checkpoint.unreadable)")
    }
}
