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

    @Test func aSettingThatIsNotWrittenDownIsAdded() throws {
        #expect(try narrowed("{\(Self.sizes)}") == "{\n  \"n_inner\": 7,\(Self.sizes)}")
    }
}
