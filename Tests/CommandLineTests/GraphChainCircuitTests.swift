import Foundation
import TestSupport
import Testing

/// Circuits of plain chains whose graph is in the file, worked out by hand.
@Suite struct GraphChainCircuitTests {
    /// Two layers of two neurons that hand their input on; samples [3, 0] of class 0 and [0, 2] of class 1.
    ///
    /// The logit of the right class minus the other is 3 or 2. An edge of neuron 0 that carries the other sample's 0 in place of 3, or 3 in place of
    /// 0, lowers that by 3, whichever is clean; one of neuron 1 by 2.
    private func edges(_ line: String) throws -> CommandResult {
        try TemporaryFolder.with { folder in
            let identity: [Float] = [1, 0, 0, 1]
            let files = [
                "m.safetensors": try SafetensorsFile.bytes([
                    (name: "fc1.weight", shape: [2, 2], values: identity), (name: "fc1.bias", shape: [2], values: [0, 0]),
                    (name: "fc2.weight", shape: [2, 2], values: identity), (name: "fc2.bias", shape: [2], values: [0, 0]),
                ]),
                "x": IDXFile.bytes(shape: [4, 2], values: [3, 0, 0, 2, 3, 0, 0, 2] as [Float]),
                "y": IDXFile.bytes(shape: [4], values: [0, 1, 0, 1] as [UInt8]),
            ]
            for (name, data) in files { try data.write(to: URL(fileURLWithPath: folder + "/" + name)) }
            return try BuiltCommand.shell("cd \"$1\" && " + line, folder)
        }
    }

    private static let circuit = "--pairs by-class --data x --labels y --format tsv --quiet"

    @Test(arguments: ["fc1,relu,fc2", "fc1,relu,fc2,softmax", "input(2),fc1,relu,identity,fc2"], ["m.onnx", "m.tar"])
    func neuronsOfAChainAreNodes(words: String, name: String) throws {
        let result = try edges(
            "\"$M\" convert m.safetensors --arch '\(words)' -o \(name) --quiet && \"$M\" circuit \(name) --method exact --edges 4 "
                + Self.circuit)
        let scores = Dictionary(uniqueKeysWithValues: result.rows.dropFirst().map { ($0[0], abs(Double($0[3]) ?? .nan)) })
        #expect(result.status == 0, "\(result.errors)")
        #expect(scores.count == 4)
        for (edge, expected) in [
            ("input->fc1.n0", 3.0), ("fc1.n0->logits", 3), ("input->fc1.n1", 2), ("fc1.n1->logits", 2),
        ] {
            #expect(scores[edge].map { abs($0 - expected) < 1e-5 } ?? false, "\(edge): \(scores)")
        }
    }

    @Test func whatIsNoChainSaysWhere() throws {
        let result = try edges(
            "\"$M\" convert m.safetensors --arch 'x=fc1,relu,fc2,add(x)' -o m.onnx --quiet && \"$M\" circuit m.onnx --method eap --edges 2 "
                + Self.circuit)
        #expect(
            result.status == 1
                && result.errors.contains(
                    "the network cannot be divided into nodes, expected a plain chain or a transformer, found 'sum' of 2 outputs at site"),
            "\(result.errors)")
    }
}
