import Archives
import Testing

@testable import Checkpoints

@Suite struct SafetensorsTests {
    static func file(_ header: String, data: Int, length: UInt64? = nil) -> [UInt8] {
        var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Array($0) }
        bytes += Array(header.utf8)
        bytes += [UInt8](repeating: 0, count: data)
        return bytes
    }

    static func tensors(_ header: String, data: Int) throws -> [TensorRecord] {
        try Safetensors.read(ByteRegion(copying: file(header, data: data)), path: "m").models[0].tensors
    }

    /// The text of the error.
    private func refusal(_ header: String) -> String? {
        do {
            _ = try Self.tensors(header, data: 4)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: DType.allCases.filter { $0.elementsPerBlock == 1 })
    func readsEveryTypeThatPyTorchWrites(_ dtype: DType) throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("types.safetensors"))
        let tensor = try #require(checkpoint["type." + dtype.rawValue])
        #expect(tensor.dtype == dtype)
        #expect(tensor.shape == [2, 3])
        #expect(tensor.doubles() == (dtype == .bool ? [0, 1, 0, 1, 0, 1] : [0, 1, 2, 3, 4, 5]))
    }

    @Test func scalarsAndEmptyTensorsKeepTheirShapes() throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("types.safetensors"))
        #expect(checkpoint["scalar"]?.shape == [])
        #expect(checkpoint["scalar"]?.doubles() == [7])
        #expect(checkpoint["empty"]?.shape == [0, 3])
        #expect(checkpoint["empty"]?.doubles() == [])
        #expect(checkpoint["none"] == nil)
    }

    @Test func tensorsComeInNaturalOrderOfTheirNames() throws {
        let checkpoint = try Checkpoint.open(FormatFixtures.path("types.safetensors"))
        #expect(checkpoint.tensors.prefix(4).map(\.name) == ["empty", "h.9.w", "h.10.w", "scalar"])
        #expect(!checkpoint.keepsOrder)
        #expect(checkpoint.container == "safetensors")
    }

    /// The decoder for plain headers and the one for all others must agree on what a file holds.
    @Test(arguments: [
        #"{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"__metadata__":{"x":"y"},"b":{"shape":[],"data_offsets":[8,12],"dtype":"F32"}}"#,
        #"{"__metadata__":null,"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"shape":[],"data_offsets":[8,12],"dtype":"F32"}}"#,
        #" { "a" : {"dtype" : "F32", "shape" : [ 1 , 2 ], "data_offsets" : [0, 8] } , "b":{"shape":[],"data_offsets":[8,12],"dtype":"F32"} }  "#,
        #"{"\u0061":{"dtype":"F\u00332","shape":[1,2],"data_offsets":[0,8]},"b":{"shape":[],"data_offsets":[8,12],"dtype":"F32","more":{"c":[null]}}}"#,
    ])
    func headersThatSayTheSameAreReadTheSame(_ header: String) throws {
        let tensors = try Self.tensors(header, data: 12)
        #expect(tensors.map(\.name) == ["a", "b"])
        #expect(tensors.map(\.shape) == [[1, 2], []])
        #expect(tensors.map(\.bytes.count) == [8, 4])
    }

    @Test func aNameThatIsThereTwiceIsRefused() {
        let header = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        #expect(refusal(header)?.contains("overlaps") == true)
    }

    @Test func anUnknownTypeIsNamed() {
        let text = problem { try Checkpoint.open(FormatFixtures.path("complex.safetensors")) }
        #expect(text?.contains("tensor 'c': elements of type") == true)
        #expect(text?.contains("C64") == true)
    }

    @Test(arguments: [
        // header, bytes of data, what the message must say
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12, "overlaps"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8, "overlaps"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "hole"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 12, "belong to no tensor"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "truncated"),
        (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "wrong number of bytes"),
        (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, "overflows"),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}"#, 0, "overflows"),
        (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#, 0, "expected a whole number from 0"),
        (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,0]}}"#, 0, "not valid"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, 8, "bad data offsets"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}}"#, 8, "truncated"),
        (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "no 'data_offsets'"),
        (#"{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, "not valid"),
        (#"{"a":"#, 4, "not valid"),
        (#"{}"#, 0, "no tensors"),
    ])
    func refuses(_ header: String, data: Int, because words: String) {
        let text = problem { try openCheckpoint(Self.file(header, data: data)) }
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test func aHeaderOfTwoToTheSixtyBytesIsRefused() {
        let text = problem { try openCheckpoint(Self.file("{}", data: 0, length: 1 << 60)) }
        #expect(text?.contains("the header does not fit the file, expected at most 2 bytes, found 1152921504606846976") == true)
    }

    @Test func deeplyNestedJSONIsRefused() {
        let nested = #"{"a":"# + String(repeating: "[", count: 200_000)
        #expect(problem { try openCheckpoint(Self.file(nested, data: 0)) }?.contains("not valid") == true)
    }

    @Test func everyTruncationIsAnError() throws {
        let whole = try FormatFixtures.bytes("types.safetensors")
        #expect(problem { try openCheckpoint(whole) } == nil)
        for count in 0..<whole.count {
            #expect(problem { try openCheckpoint(Array(whole[..<count])) } != nil, "cut at \(count)")
        }
    }

    @Test func namesWithLineEndsStayOnOneLine() {
        let text = problem {
            try openCheckpoint(Self.file(#"{"a\nb":{"dtype":"X","shape":[1],"data_offsets":[0,4]}}"#, data: 4))
        }
        #expect(text?.contains("\n") == false)
    }
}
