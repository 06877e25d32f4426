import Testing

@testable import Checkpoints

/// What operations read the tensors of a program for, in hand-written programs.
struct TorchExportUsesTests {
    /// A program of steps: the operation, what it reads, what it makes.
    private func uses(_ steps: [(operation: String, reads: [String], makes: String?)], output: String) -> TorchExportUses {
        let nodes = steps.map { step in
            let inputs = step.reads.map { name in
                var argument = TorchExportGraph.Argument()
                argument.tensor = name
                return (name: "self", value: argument)
            }
            return TorchExportGraph.Node(
                target: "torch.ops.aten.\(step.operation).default", inputs: inputs, outputs: step.makes.map { [$0] } ?? [])
        }
        return TorchExportUses(
            TorchExportGraph(
                nodes: nodes, parameters: [:], fixed: [], kept: [], userInputs: ["x"], outputs: [output], outputNames: [], shapes: [:],
                types: [:], places: [:]))
    }

    @Test func logicBeforeAssertionsAloneIsLeftOut() {
        let uses = uses(
            [
                ("ge", ["x"], "ge"), ("any", ["ge"], "some"), ("logical_not", ["some"], "none"), ("_assert_async", ["none"], nil),
                ("any", ["ge"], "other"), ("_assert_async", ["other"], nil), ("mul", ["x", "other"], "y"),
            ], output: "y")
        #expect(uses.asserted == ["some", "none"])
        #expect(self.uses([("any", ["x"], "y"), ("_assert_async", ["y"], nil)], output: "y").asserted.isEmpty)
    }

    @Test func memoryIsOverwrittenBeforeItIsRead() {
        func isOverwritten(_ steps: [(String, [String], String?)], output: String = "y") -> Bool {
            uses([("empty", [], "new")] + steps, output: output).overwritten.contains("new")
        }
        #expect(isOverwritten([("fill_", ["new"], "filled"), ("add", ["new", "x"], "y")]))
        #expect(isOverwritten([("zeros_like", ["new"], "zeros"), ("add", ["zeros", "x"], "y")]))
        #expect(isOverwritten([("zero_", ["new"], "filled")], output: "new"))
        #expect(!isOverwritten([("fill", ["new"], "filled"), ("add", ["new", "x"], "y")]))
        #expect(!isOverwritten([("add", ["new", "x"], "y"), ("fill_", ["new"], "filled")]))
        #expect(!isOverwritten([("slice", ["new"], "part"), ("fill_", ["part"], "y")]))
        #expect(!isOverwritten([("copy_", ["x", "new"], "y")]))
        #expect(!isOverwritten([("fill", ["new"], "y")], output: "new"))
    }
}
