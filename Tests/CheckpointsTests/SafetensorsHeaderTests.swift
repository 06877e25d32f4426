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
        #"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]"#,
    ]) func whatIsNoHeaderIsRefused(text: String) {
        #expect(tensors(text) == nil)
    }
}
