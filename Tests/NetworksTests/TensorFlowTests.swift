import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Graphs that tf2onnx exported from Keras compute what Keras computes, have its gradients, and have the parts of transformers. The numbers are
/// Keras's, by `make_tensorflow.py`.
struct TensorFlowTests {
    static let transformers = ["causal", "causal-after", "encoder"]
    static let exported = transformers + ["decoder", "line", "curves", "sizes", "nested", "older"]

    private func open(_ name: String) throws -> (Network, Checkpoint) {
        (
            try LoadedModel(Checkpoint.open(Fixtures.path("onnx/tensorflow/\(name).onnx"))).network,
            try Checkpoint.open(Fixtures.path("onnx/tensorflow/\(name).safetensors"))
        )
    }

    /// The parameters have the names of Keras's variables.
    @Test(arguments: exported)
    func outputsAndGradientsAreThoseOfKeras(name: String) throws {
        let (network, values) = try open(name)
        for threads in [1, 2] { try ReferenceValues.expectOutputAndGradients(of: network, values, threads: threads, name) }
    }

    @Test(arguments: transformers)
    func transformersHaveTheirParts(name: String) throws {
        let (network, values) = try open(name)
        let anatomy = network.anatomy
        #expect(anatomy.gap == nil && anatomy.blocks.count == 2)
        #expect(network.anatomy.outputKind == (name == "encoder" ? .classes : .answers))
        #expect((anatomy.output != nil) == (name != "encoder"))
        for block in anatomy.blocks {
            let attention = try #require(block.attention)
            #expect(attention.heads == AttentionHeads(heads: 2, keyHeads: 2, headDimension: 4))
            let scores = try #require(network.nodes[attention.scores.index].operation as? AttentionScores)
            #expect(scores.mask == (name == "encoder" ? .none : .causal) && abs(scores.scale - 0.5) < 1e-6)
            let mlp = try #require(block.mlp)
            let function = try #require(network.nodes[mlp.post.index].operation as? Activation)
            #expect(function.name == (name == "causal" ? "gelu_tanh" : "relu"))
            #expect(network.nodes[mlp.input.index].parameters.count == 2)
        }
        // Nothing is left of how TensorFlow writes norms, and tokens are looked up as they are.
        let operations = network.nodes.map(\.operation)
        #expect(operations.count { $0 is LayerNorm } == (name == "causal" ? 5 : 4) && operations.count { $0 is Embedding } == 1)
        #expect(!operations.contains { $0 is Reduction && !($0 as! Reduction).axes.contains(1) } && !operations.contains { $0 is Where })
        // A head that is switched off is one whose rows of the output matrix are 0.
        let batch = try ReferenceValues.batch(values)
        for (number, block) in anatomy.blocks.enumerated() {
            let mixed = try #require(block.attention).mixed
            for head in 0..<2 {
                var request = RunRequest(recorded: [network.output])
                request.intervened = [mixed]
                let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: 1))
                let off = Intervention(node: mixed, neurons: Array(4 * head..<4 * head + 4), replacement: .zero)
                let found = try #require(executor.run(batch, interventions: [off])[network.output])
                let expected = try #require(values["without.\(number).\(head)"])
                ReferenceValues.close(found.elements, expected.floats(), within: 1e-5, "\(name): head \(head) of block \(number)")
            }
        }
    }

    /// The number that TensorFlow adds to the scope of each layer goes, the scopes of models inside stay; those of Keras 2 have none added.
    @Test func weightsHaveTheNamesOfKeras() throws {
        func names(_ name: String) throws -> Set<String> {
            Set(try Checkpoint.open(Fixtures.path("onnx/tensorflow/\(name).onnx")).tensors.map(\.name).filter { $0.hasSuffix("kernel") })
        }
        #expect(
            try names("nested") == ["dense_2/kernel", "dense_3/kernel", "dense_4/kernel", "inner/dense/kernel", "inner/dense_1/kernel"])
        #expect(try names("older") == ["conv2d_3/kernel", "dense_7/kernel", "dense_8/kernel"])
        #expect(try names("line") == ["longer/kernel", "longest/kernel", "head/kernel"])
    }

    /// A layer on sequences is one operation, whatever rows TensorFlow makes of them.
    @Test func layersOnSequencesAreOne() throws {
        let (network, _) = try open("curves")
        let layers = network.nodes.filter { $0.operation is Linear }
        #expect(layers.count == 3 && layers.allSatisfy { $0.parameters.count == 2 })
        #expect(!network.nodes.contains { $0.operation is Reshape || $0.operation is Flatten })
        #expect(network.nodes.contains { ($0.operation as? Activation)?.name == "gelu" })
        // A sequence that is computed as an image has its bias in the convolution.
        let convolutions = try open("line").0.nodes.filter { $0.operation is TransposedConvolution }
        #expect(convolutions.count == 2 && convolutions.allSatisfy { $0.parameters.count == 2 })
    }
}
