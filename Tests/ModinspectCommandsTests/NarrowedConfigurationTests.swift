import Archives
import Testing

@testable import ModinspectCommands

@Suite struct NarrowedConfigurationTests {
    private func narrowed(_ text: String) throws -> String {
        let region = try NarrowedConfiguration(ByteRegion(copying: text.utf8)).narrowed(to: [7])
        return String(decoding: region.bytes(0..<region.count) ?? [], as: UTF8.self)
    }

    private static let sizes = #""model_type": "gpt2", "n_embd": 16, "n_layer": 1"#

    @Test func theOuterSettingIsChangedAndNothingElse() throws {
        #expect(
            try narrowed(#"{"other": {"n_inner": 99}, "list": [{"n_inner": 1}], \#(Self.sizes), "n_inner" :\#t24 , "last": "n_inner"}"#)
                == #"{"other": {"n_inner": 99}, "list": [{"n_inner": 1}], \#(Self.sizes), "n_inner" :\#t7 , "last": "n_inner"}"#)
    }

    @Test func textIsNoSetting() throws {
        let text = #"{"note": "a \" \"n_inner\": 3, {", "n_inner": "x"}"#
        let bytes = Array(text.utf8)
        let found = JSONMembers.values(of: "n_inner", in: bytes)
        #expect(found.map { String(decoding: bytes[$0], as: UTF8.self) } == [#""x""#])
        #expect(
            JSONMembers.values(of: "note", in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) } == [#""a \" \"n_inner\": 3, {""#])
    }

    @Test func namesAreComparedDecodedAndValuesMayBeAnything() {
        let bytes = Array(#"{"n\u005finner": [1, {"n_inner": 2}], "b": {}, "n_inner" : null}"#.utf8)
        let found = JSONMembers.values(of: "n_inner", in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
        #expect(found == [#"[1, {"n_inner": 2}]"#, "null"])
        #expect(JSONMembers.values(of: "n_inner", in: Array("{}".utf8)).isEmpty)
    }

    @Test func aSettingThatIsNotWrittenDownIsAdded() throws {
        #expect(try narrowed("{\(Self.sizes)}") == "{\n  \"n_inner\": 7,\(Self.sizes)}")
    }
}
