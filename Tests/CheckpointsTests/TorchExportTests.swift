import Archives
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// The JSON of programs that `torch.export.save` writes.
struct TorchExportTests {
    private func parsed(_ program: String) -> SavedModule? { TorchExportGraph(guardedRegion(Array(program.utf8)))?.module }

    /// A program of the given operations in the layout of PyTorch 2.15.
    private func program(_ nodes: String, outputs: String = #"[{"as_tensor": {"name": "y"}}]"#) -> String {
        #"""
        {"graph_module": {"graph": {"inputs": [], "nodes": [\#(nodes)], "outputs": \#(outputs),
            "tensor_values": {"x": {"dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 3}]}}},
          "signature": {"input_specs": [
            {"parameter": {"arg": {"name": "p_w"}, "parameter_name": "fc.weight"}}, {"buffer": {"arg": {"name": "b"}, "persistent": true}},
            {"user_input": {"arg": {"as_tensor": {"name": "x"}}}}]}},
         "opset_version": {"aten": 10}, "extra": [1, [2, {"a": null}]]}
        """#
    }

    private static let linear =
        #"{"target": "torch.ops.aten.linear.default", "inputs": [{"name": "input", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}, "#
        + #"{"name": "weight", "arg": {"as_tensor": {"name": "p_w"}}}], "outputs": [{"as_tensor": {"name": "h"}}], "metadata": {"a": [{}]}}"#
    private static let elu =
        #"{"target": "torch.ops.aten.elu.default", "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "h"}}}, "#
        + #"{"name": "alpha", "arg": {"as_float": 2}}, {"name": "b", "arg": {"as_bool": true}}, {"name": "s", "arg": {"as_ints": [1, 2]}}, "#
        + #"{"name": "n", "arg": {"as_none": true}}, {"name": "t", "arg": {"as_string": "z"}}, {"name": "m", "arg": {"as_int": [1]}}], "#
        + #""outputs": [{"as_tensor": {"name": "y"}}]}"#

    @Test func aSequenceOfOperationsIsASequenceOfModules() throws {
        let module = try #require(parsed(program(Self.linear + "," + Self.elu)))
        #expect(module.children.map(\.className) == ["torch.nn.modules.linear.Linear", "torch.nn.modules.activation.ELU"])
        #expect(module.children.first?.name == "fc")
        #expect(module.children.last?.settings == ["alpha": .real(2), "b": .boolean(true), "s": .integers([1, 2]), "t": .text("z")])
    }

    @Test func whatIsNoSequenceIsOpaque() throws {
        for outputs in ["[]", #"[{"as_tensor": {"name": "h"}}]"#, #"[{"as_tensors": [{"name": "y"}]}]"#, "[null]"] {
            let module = try #require(parsed(program(Self.linear + "," + Self.elu, outputs: outputs)), "\(outputs)")
            #expect(module.className == SavedModule.program && module.children.isEmpty, "\(outputs)")
        }
    }

    @Test func otherJSONIsNoProgram() {
        let whole = program(Self.linear + "," + Self.elu)
        for end in 0..<whole.utf8.count - 1 { #expect(parsed(String(decoding: whole.utf8.prefix(end), as: UTF8.self)) == nil, "\(end)") }
        let deep = String(repeating: "[", count: 100_000)
        for text in [
            "", "[]", "{}", "null", whole + "x", deep, #"{"graph_module": \#(deep)"#, #"{"graph_module": []}"#,
            #"{"graph_module": {"graph": 3}}"#,
            #"{"graph_module": {"graph": {"nodes": [], "outputs": 1}}}"#, program("{}"), program(#"{"target": 7}"#), program("[]"),
            program(#"{"target": "t", "inputs": {}}"#), program(#"{"target": "t", "outputs": "y"}"#),
            program(String(repeating: #"{"target": "t"},"#, count: 1 << 16) + #"{"target": "t"}"#),
        ] {
            #expect(parsed(text) == nil, "\(text.prefix(80))")
        }
    }

    @Test func flippedBitsOfAProgramNeverTrap() throws {
        ContainerFixtures.flippingBits(of: Array(program(Self.linear + "," + Self.elu).utf8), rounds: 500, seed: 3) { damaged in
            _ = TorchExportGraph(guardedRegion(damaged))?.module
        }
    }

    // MARK: - The listing of weights

    private func listing(_ text: String) -> String {
        do throws(Problem) {
            return try TorchExport.weights(guardedRegion(Array(text.utf8))).map { name, weight in
                "\(name): \(weight.file ?? "-") \(weight.dtype ?? -1) \(weight.shape ?? [-1]) \(weight.strides ?? [-1]) \(weight.offset ?? -1)"
            }.joined(separator: "; ")
        } catch {
            return "\(error)"
        }
    }

    @Test func aListingSaysWhereEachWeightLies() {
        let meta = #"{"dtype": 7, "sizes": [{"as_int": 2}], "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}}"#
        #expect(
            listing(#"{"other": [], "config": {"b.10": {"path_name": "weight_1", "tensor_meta": \#(meta)}, "b.2": {}}}"#)
                == "b.2: - -1 [-1] [-1] -1; b.10: weight_1 7 [2] [1] 0")
        // Sizes that are expressions, numbers that cannot be sizes, and values of other kinds are unknown.
        for sizes in [#"[{"as_expr": {"expr_str": "s0"}}]"#, #"[{"as_int": 1e30}]"#, #"[{"as_int": "2"}]"#, "[2]", "7", "null"] {
            #expect(
                listing(#"{"config": {"w": {"path_name": 3, "tensor_meta": {"dtype": "f", "sizes": \#(sizes), "strides": []}}}}"#)
                    == "w: - -1 [-1] [] -1", "\(sizes)")
        }
        for weight in ["null", "[]", "7", #""w""#] { #expect(listing(#"{"config": {"w": \#(weight)}}"#) == "w: - -1 [-1] [-1] -1") }
    }

    @Test func otherListingsAreErrors() {
        #expect(listing("{}") == "'data/weights/model_weights_config.json' is not valid: has no weights, expected 'config'")
        for text in [
            "", "[]", "{", #"{"config": []}"#, #"{"config": {"w": }}"#, #"{"config": {}} x"#, String(repeating: "[", count: 100_000),
        ] {
            #expect(listing(text).hasPrefix("'data/weights/model_weights_config.json' is not valid"), "\(text.prefix(40))")
        }
        #expect(listing(#"{"config": {"w": \#(String(repeating: "[", count: 100_000))"#).contains("nested too deeply"))
    }
}
