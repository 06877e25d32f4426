import Testing

@testable import Checkpoints

/// The names of a program's outputs in descriptions that `torch.export.save` wrote.
@Suite struct OutputNamesTests {
    private static let leaf = #"{"type": null, "context": null, "children_spec": []}"#

    private func description(_ type: String, _ context: String, _ children: [String]) -> String {
        #"{"type": "\#(type)", "context": "\#(context)", "children_spec": [\#(children.joined(separator: ", "))]}"#
    }

    @Test func keysAndPlacesLeadToEachOutput() {
        let leaf = Self.leaf
        let states = description("builtins.tuple", "null", [leaf, leaf])
        let output = description(
            "transformers.modeling_outputs.SequenceClassifierOutput", #"[\"loss\", \"logits\", \"hidden_states\"]"#, [leaf, leaf, states])
        #expect(OutputNames.read("[1, \(output)]") == ["loss", "logits", "hidden_states.0", "hidden_states.1"])
        #expect(OutputNames.read("[1, \(leaf)]") == [""])
        let nested = description("builtins.tuple", "null", [leaf, description("builtins.dict", #"[\"a\", \"b\"]"#, [leaf, leaf])])
        #expect(OutputNames.read("[1, \(nested)]") == ["0", "1.a", "1.b"])
        #expect(OutputNames.read("[1, \(description("builtins.list", "null", []))]") == [])
    }

    @Test func otherFormsHaveNoNames() {
        for text in ["", "[1", "{}", "[1, 2]", #"[1, {"type": null}]"#] { #expect(OutputNames.read(text).isEmpty) }
        // Fewer keys than there are outputs are none.
        let short = description("builtins.dict", #"[\"a\"]"#, [Self.leaf, Self.leaf])
        #expect(OutputNames.read("[1, \(short)]") == ["0", "1"])
        var deep = Self.leaf
        for _ in 0..<100 { deep = description("builtins.tuple", "null", [deep]) }
        #expect(OutputNames.read("[1, \(deep)]").isEmpty)
    }

    @Test func logitsComeBeforeTheFirst() {
        #expect(ModelOutput.answer(among: ["aux", "logits"]) == 1)
        #expect(ModelOutput.answer(among: ["aux", "parts.logits"]) == 0)
        #expect(ModelOutput.answer(among: []) == nil)
    }
}
