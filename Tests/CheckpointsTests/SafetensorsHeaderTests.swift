import Archives
import Testing

@testable import Checkpoints

@Suite struct SafetensorsHeaderTests {
    private func tensors(_ text: String) -> [SafetensorsHeader.Tensor]? {
        try? SafetensorsHeader.content(ByteRegion(copying: text.utf8)).tensors
    }

    @Test func aPlainHeaderIsReadInItsOrder() throws {
        let header = try #require(
            tensors(
                #"{"__metadata__":{"format":"pt"}, "b":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]},"#
                    + #""a":{"shape":[],"data_offsets":[0,2],"dtype":"BF16"}}  "#))
        #expect(header.map(\.name) == ["b", "a"])
        #expect(header.map(\.dtype) == ["F32", "BF16"])
        #expect(header.map(\.shape) == [[2, 0], []])
        #expect(header.map(\.offsets) == [[0, 0], [0, 2]])
        #expect(tensors("{}")?.isEmpty == true)
        #expect(tensors(#"{"a\n\u00e9":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#)?.map(\.name) == ["a\né"])
    }

    @Test(arguments: [
        "", "{", "[]", "{} x", #"{"a":{}}"#,
        #"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, #"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}"#,
        #"{"a":{"dtype":"F32","shape":[9999999999999999999],"data_offsets":[0,4]}}"#,
        // safetensors 0.8: invalid type: floating point, expected usize.
        #"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, #"{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}"#, #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.0]}}"#,
        #"{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]"#,
    ]) func whatIsNoHeaderIsRefused(text: String) {
        #expect(tensors(text) == nil)
    }

    private func checkpoint(_ shape: String) throws -> Checkpoint {
        let header =
            #"{"good":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":\#(shape),"data_offsets":[8,8]}}"#
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        return try openCheckpoint(length + Array(header.utf8) + [UInt8](repeating: 0, count: 8))
    }

    /// safetensors 0.8 lists these with no elements, and refuses the file where the product of the lengths overflows before the zero.
    @Test(arguments: ["[0,4611686018427387904]", "[4611686018427387904,0]", "[0,1099511627776,1099511627776]"])
    func lengthsBeyondMemoryBesideAZeroSinkNothingElse(shape: String) throws {
        let checkpoint = try checkpoint(shape)
        #expect(checkpoint.tensors.map(\.name) == ["good"])
        #expect(checkpoint.unreadable.map(\.name) == ["w"] && checkpoint.unreadable[0].reason.contains("shape overflows"))
        #expect(problem { try self.checkpoint("[1099511627776,1099511627776,0]") }?.contains("shape overflows") == true)
        #expect(try self.checkpoint("[0,1024]").tensors.map(\.elementCount) == [2, 0])
    }
}
