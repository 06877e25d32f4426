import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import Networks

/// The anatomy of a graph that PyTorch exported is that of the family which the same model is: the same parts, and at each of their nodes the same
/// activations. What patches, ablates and cuts parts asks the anatomy alone.
struct GraphAnatomyTests {
    static let exported = [
        "gpt2-script", "gpt2-dynamo", "distilbert-classes-script", "distilbert-classes-dynamo", "distilbert-masked-script", "vit-script",
        "vit-dynamo",
        "llama-script", "llama-dynamo", "qwen3-dynamo", "gpt_neox-dynamo", "gemma2-dynamo", "mistral-dynamo", "phi3-dynamo", "gptj-script",
        "gptj-dynamo", "bloom-dynamo",
        "timm-vit-script", "timm-vit-dynamo", "torchvision-vit-script", "torchvision-vit-dynamo",
        "gpt2-program", "gpt2-decomposed", "llama-program", "llama-decomposed", "gpt_neox-decomposed", "distilbert-classes-decomposed",
        "distilbert-masked-decomposed", "timm-vit-decomposed", "torchvision-vit-decomposed",
    ]

    private static func open(_ name: String) throws -> Network {
        let isProgram = name.hasSuffix("-program") || name.hasSuffix("-decomposed")
        return try LoadedModel(
            Checkpoint.open(Fixtures.path(isProgram ? "graphs/decomposed/\(name).pt2" : "onnx/anatomy/\(name).onnx"))
        ).network
    }

    private static func family(_ name: String) -> String {
        let model = name.split(separator: "-").dropLast().joined(separator: "-")
        return "transformers/\(model)"
    }

    /// The streams that parts add to: a family may have others, such as the embeddings before their norm.
    private static func written(_ anatomy: Anatomy) -> [Stream] { anatomy.streams.filter { !$0.writers.isEmpty } }

    /// The nodes of the parts in an order that does not depend on the network, with what they are.
    private static func nodes(_ anatomy: Anatomy) -> [(String, NodeID)] {
        var nodes: [(String, NodeID)] = []
        for (place, block) in anatomy.blocks.enumerated() {
            nodes.append(("\(place) before", block.before))
            if let middle = block.middle { nodes.append(("\(place) middle", middle)) }
            nodes.append(("\(place) after", block.after))
            if let part = block.attention {
                nodes += [
                    ("\(place) attention reads", part.reading.node), ("\(place) q", part.query.node), ("\(place) k", part.key.node),
                    ("\(place) v", part.value.node), ("\(place) scores", part.scores), ("\(place) pattern", part.pattern),
                    ("\(place) mixed", part.mixed), ("\(place) attention writes", part.written),
                ]
            }
            if let part = block.mlp {
                nodes += [
                    ("\(place) MLP reads", part.reading.node), ("\(place) MLP input", part.input), ("\(place) neurons", part.post),
                    ("\(place) MLP writes", part.written),
                ]
            }
        }
        for (place, stream) in written(anatomy).enumerated() {
            nodes += stream.writers.enumerated().map { ("stream \(place), writer \($0)", $1.node) }
        }
        if let output = anatomy.output { nodes.append(("logits", output.layer)) }
        return nodes
    }

    private func batch(_ network: Network) -> Batch {
        switch network.input {
        case .tokens(let vocabulary, _):
            .tokens(TokenBatch(ids: (0..<15).map { Int32($0 * 7 % min(30, vocabulary)) }, samples: 3, length: 5))
        case .values(let shape): .values(OperationCheck.random([2] + shape.map { $0 ?? 12 }, seed: 4))
        }
    }

    @Test(arguments: exported)
    func partsAreThoseOfTheFamily(name: String) throws {
        let graph = try Self.open(name)
        let family = try LoadedModel(Checkpoint.open(Fixtures.path(Self.family(name)))).network
        #expect(graph.anatomy.gap == nil)
        #expect(graph.anatomy.outputKind == family.anatomy.outputKind)
        #expect(Self.written(graph.anatomy).map(\.writers.count) == Self.written(family.anatomy).map(\.writers.count))
        let (own, expected) = (
            Self.nodes(graph.anatomy), Self.nodes(family.anatomy).filter { $0.0 != "logits" || graph.anatomy.output != nil }
        )
        try compare(graph, own, family, expected)
    }

    /// The activations of the same parts in two networks.
    private func compare(_ graph: Network, _ own: [(String, NodeID)], _ family: Network, _ expected: [(String, NodeID)]) throws {
        // One layer of the graph may make what the family has as two.
        let isFused = graph.anatomy.blocks.contains { $0.mlp?.gate == nil } && family.anatomy.blocks.contains { $0.mlp?.gate != nil }
        let (own, expected) =
            isFused ? (own.filter { !$0.0.hasSuffix("MLP input") }, expected.filter { !$0.0.hasSuffix("MLP input") }) : (own, expected)
        #expect(own.map(\.0) == expected.map(\.0))
        guard own.count == expected.count else { return }
        #expect(graph.anatomy.blocks.map { $0.attention?.heads } == family.anatomy.blocks.map { $0.attention?.heads })
        let batch = batch(family)
        func run(_ network: Network, _ nodes: [NodeID]) throws -> [Tensor] {
            let nodes = nodes + [network.output]
            let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: Set(nodes)), team: Team(size: 1))
            let recording = executor.run(batch)
            return try nodes.map { try #require(recording[$0]).copied() }
        }
        let (found, wanted) = (try run(graph, own.map(\.1)), try run(family, expected.map(\.1)))
        for (place, (a, b)) in zip(found, wanted).enumerated() {
            let what = place < own.count ? own[place].0 : "output"
            #expect(a.shape == b.shape, "\(what)")
            let worst = zip(a.elements, b.elements).map { $0 == $1 ? 0 : abs($0 - $1) }.max() ?? 0
            let scale = max(1, b.elements.filter(\.isFinite).map(abs).max() ?? 1)
            #expect(worst <= 1e-5 * scale, "\(what): off by \(worst) of \(scale)")
        }
    }

    /// Attention that is written out by hand, by sums over named dimensions, or fused, has the same parts after `run_decompositions()`, and mixes
    /// in them what PyTorch does.
    @Test(arguments: ["heads", "sums", "sums-causal", "fused", "fused-causal", "encoder"])
    func decomposedProgramsHaveTheParts(name: String) throws {
        let (program, decomposed) = (try Self.open("\(name)-program"), try Self.open("\(name)-decomposed"))
        let values = try Checkpoint.open(Fixtures.path("graphs/decomposed/\(name).safetensors"))
        #expect(program.anatomy.gap == nil && decomposed.anatomy.gap == nil)
        #expect(decomposed.anatomy.blocks.count == (name == "encoder" ? 2 : 1))
        try compare(decomposed, Self.nodes(decomposed.anatomy), program, Self.nodes(program.anatomy))
        let ids = try #require(values["x"]).doubles().map { Int32($0) }
        let of = ["heads", "fused-causal"].contains(name) ? ["-of-two-decomposed"] : []
        for ending in ["-program", "-decomposed"] + of {
            let network = try Self.open(name + ending)
            let isCausal = name.hasSuffix("causal") || name == "heads"
            #expect(network.anatomy.outputKind == (isCausal ? .answers : .maskedTokens) && network.outputKind == network.anatomy.outputKind)
            let attention = try #require(network.anatomy.blocks.first?.attention)
            let batch = Batch.tokens(TokenBatch(ids: ids, samples: 3, length: 5))
            let executor = try Executor(
                network, batch: batch.shape, request: RunRequest(recorded: [attention.mixed, network.output]), team: Team(size: 1))
            let recording = executor.run(batch)
            for (node, tensor) in [(attention.mixed, "mixed"), (network.output, "y")] {
                let (found, expected) = (try #require(recording[node]), try #require(values[tensor]))
                #expect(found.shape == expected.shape)
                ReferenceValues.close(found.elements, expected.floats(), within: 1e-5, "\(name)\(ending): \(tensor)")
            }
        }
    }

    /// Where a graph has no parts, what its outputs see is found by running it.
    @Test func whatIsSeenIsFoundWithoutParts() throws {
        func network(_ name: String) throws -> Network { try Self.open("window-\(name)-program") }
        let (before, both, states) = (try network("before"), try network("both"), try network("states"))
        for network in [before, both, states] { #expect(network.anatomy.blocks.isEmpty && network.anatomy.outputKind == .answers) }
        #expect(!before.readsLaterTokens && before.outputKind == .answers)
        #expect(both.readsLaterTokens && both.outputKind == .maskedTokens)
        #expect(states.readsLaterTokens && states.outputKind == .answers)
    }

    /// A network in words has the parts of the same network as PyTorch exported it.
    @Test(arguments: ["tokens", "attending"], ["script", "dynamo"])
    func partsInWordsAreThoseOfTheExport(name: String, exporter: String) throws {
        let words = try Chain.network(of: GraphWordsTests.checkpoint(name), Architecture(GraphWordsTests.words[name] ?? ""))
        let graph = try Self.open("words-\(name)-\(exporter)")
        #expect(words.anatomy.gap == nil && graph.anatomy.gap == nil)
        #expect(words.anatomy.outputKind == graph.anatomy.outputKind)
        #expect(words.anatomy.blocks.count == ["tokens": 1, "attending": 2][name])
        try compare(words, Self.nodes(words.anatomy), graph, Self.nodes(graph.anatomy))
    }

    /// RMSNormalization, RotaryEmbedding and Attention with shared key heads, and an MLP whose layer makes the gate too.
    @Test func operatorsOfOpset23AreParts() throws {
        let network = try LoadedModel(Checkpoint.open(Fixtures.path("onnx/operators-23.onnx"))).network
        #expect(network.anatomy.gap == nil && network.anatomy.output != nil)
        let block = try #require(network.anatomy.blocks.first)
        let attention = try #require(block.attention)
        #expect(attention.heads == AttentionHeads(heads: 4, keyHeads: 2, headDimension: 2))
        let step = try #require(attention.query.steps.first)
        let rotary = try #require(network.nodes[step.index].operation as? Rotary)
        #expect(rotary.frequencies == [1] && rotary.rotated == 2 && attention.value.steps.isEmpty)
        let mlp = try #require(block.mlp)
        #expect(mlp.gate == nil && network.nodes[mlp.input.index].site == "gate_up" && network.nodes[mlp.post.index].site == "post")
    }

    /// Without the steps between its nodes a graph computes as much: fused attention in place of products and a softmax.
    @Test(arguments: exported)
    func attentionRunsInOneStep(name: String) throws {
        let graph = try Self.open(name)
        let parts = graph.anatomy.blocks.compactMap(\.attention)
        #expect(!parts.isEmpty)
        for part in parts {
            let fusion = try #require(graph.nodes[part.mixed.index].fusion)
            #expect(fusion.replaces == [part.scores, part.pattern])
            #expect(graph.nodes[part.query.layer.index].operation is Linear)
        }
        #expect(!graph.nodes.contains { $0.operation is MatrixProduct })
    }

    @Test func elementsAreFollowedThroughReshapingAndTransposing() throws {
        // [2, 5, 24] as [2, 5, 3, 4, 2], the keys' [2, 4, 5, 2].
        let layout = try #require(ElementLayout([2, 5, 24]).reshaped(to: [2, 5, 3, 4, 2])?.transposed([2, 0, 3, 1, 4]))
        let keys = try #require(layout.sliced(0, first: 1, count: 1)?.removed(0))
        #expect(keys.shape == [2, 4, 5, 2])
        #expect(keys.starts == [0, 0, 8])
        #expect(keys.dimensions[1] == [.init(axis: 2, step: 2, length: 4)])
        #expect(keys.transposed([0, 2, 1, 3])?.reshaped(to: [10, 8])?.dimensions[1] == [.init(axis: 2, step: 1, length: 8)])
        #expect(ElementLayout([4, 6]).transposed([1, 0])?.reshaped(to: [8, 3]) == nil)
        #expect(ElementLayout([4, 6]).reshaped(to: [5, 5]) == nil)
    }
}
