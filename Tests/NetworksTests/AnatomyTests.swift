import Checkpoints
import TestSupport
import Testing

@testable import Networks

/// How builders describe the networks that they build.
struct AnatomyTests {
    static let models = FamilyFixture.models + FamilyFixture.shared

    /// The nodes that a projection speaks of, its layer first.
    private func nodes(_ projection: AttentionPart.Projection) -> [NodeID] { [projection.layer, projection.node] + projection.steps }

    private func nodes(_ attention: AttentionPart) -> [NodeID] {
        attention.projections.flatMap(nodes) + [attention.scores, attention.pattern, attention.mixed, attention.output] + attention.norms
            + [attention.written]
    }

    /// With the gate after its activation, which nothing else reads.
    private func nodes(_ mlp: MLPPart, in network: Network) -> [NodeID] {
        mlp.layers + network.nodes[mlp.post.index].inputs + [mlp.post, mlp.output] + mlp.norms + [mlp.written]
    }

    @Test(arguments: models)
    func everyNodeOfATransformerIsInAPart(name: String) throws {
        let found = try FamilyFixture(name).network
        let anatomy = found.anatomy
        let stream = try #require(anatomy.streams.first)
        var known = Set(stream.beginning + stream.states + stream.readers.compactMap(\.norm))
        for block in anatomy.blocks {
            if let attention = block.attention { known.formUnion(nodes(attention)) }
            if let mlp = block.mlp { known.formUnion(nodes(mlp, in: found)) }
            if let experts = block.experts { known.formUnion((experts.router.index...experts.written.index).map { NodeID($0) }) }
        }
        // A norm of the embeddings, and constants and bounds of the logits.
        for first in stream.beginning { known.formUnion(found.nodes[first.index].inputs) }
        let output = try #require(anatomy.output)
        known.formUnion((output.layer.index...found.output.index).map { NodeID($0) })
        #expect(found.output.index - output.layer.index <= 2)
        #expect(found.nodes.indices.filter { !known.contains(NodeID($0)) }.map { found.nodes[$0].site } == [])
        #expect(anatomy.layers.isEmpty && anatomy.streams.count == 1)
    }

    @Test(arguments: models)
    func streamsHoldWhatIsWritten(name: String) throws {
        let network = try FamilyFixture(name).network
        let stream = try #require(network.anatomy.streams.first)
        #expect(network.nodes[stream.states[0].index].inputs == stream.beginning)
        for (before, state) in zip(stream.states, stream.states.dropFirst()) {
            let added = stream.writers.filter { $0.state == state }.map(\.node)
            #expect(network.nodes[state.index].inputs == [before] + added)
        }
        for reader in stream.readers {
            #expect(stream.states.contains(reader.state))
            if let norm = reader.norm { #expect(network.nodes[norm.index].inputs == [reader.state]) }
        }
        // What each part writes, in order.
        let written = network.anatomy.blocks.flatMap {
            [$0.attention?.written, $0.mlp?.written ?? $0.experts?.written].compactMap { $0 }
        }
        #expect(stream.writers.map(\.node) == written)
    }

    @Test(arguments: models)
    func partsAreConnectedAsTheySay(name: String) throws {
        let network = try FamilyFixture(name).network
        func inputs(_ node: NodeID) -> [NodeID] { network.nodes[node.index].inputs }
        for block in network.anatomy.blocks {
            let attention = try #require(block.attention)
            for projection in attention.projections {
                #expect(inputs(projection.layer) == [attention.reading.node])
                if projection.node != projection.layer { #expect(inputs(projection.node) == [projection.layer]) }
                for (before, step) in zip([projection.node] + projection.steps, projection.steps) { #expect(inputs(step) == [before]) }
            }
            #expect(inputs(attention.scores) == [attention.query.read, attention.key.read])
            #expect(inputs(attention.pattern) == [attention.scores])
            #expect(inputs(attention.mixed) == [attention.pattern, attention.value.read])
            #expect(inputs(attention.output) == [attention.mixed])
            expectBranch(network, attention.output, attention.norms, attention.scaling, attention.written)
            #expect(block.before < attention.output && attention.written < block.after)
            guard let mlp = block.mlp else { continue }
            for layer in mlp.layers { #expect(inputs(layer) == [mlp.reading.node]) }
            #expect(inputs(mlp.output) == [mlp.post])
            expectBranch(network, mlp.output, mlp.norms, mlp.scaling, mlp.written)
        }
    }

    /// Output, norms and scaling of a branch follow each other, and the last is what is written.
    private func expectBranch(_ network: Network, _ output: NodeID, _ norms: [NodeID], _ scaling: NodeID?, _ written: NodeID) {
        let chain = [output] + norms + (scaling.map { [$0] } ?? [])
        #expect(chain.last == written)
        for (before, after) in zip(chain, chain.dropFirst()) { #expect(network.nodes[after.index].inputs == [before]) }
    }

    @Test func expertsReadTheStreamAndTheChoice() throws {
        for (name, count, hasShared) in [("mixtral", 4, false), ("qwen2_moe", 5, true), ("qwen3_moe", 5, false), ("gpt_oss", 5, false)] {
            let network = try FamilyFixture(name).network
            func inputs(_ node: NodeID) -> [NodeID] { network.nodes[node.index].inputs }
            let blocks = network.anatomy.blocks.filter { $0.experts != nil }
            #expect(!blocks.isEmpty && blocks.allSatisfy { $0.mlp == nil })
            for part in blocks.compactMap(\.experts) {
                #expect(part.experts.count == count && (part.shared != nil) == hasShared)
                #expect(inputs(part.router) == [part.reading.node] && inputs(part.choice) == [part.router])
                #expect(inputs(part.contributions) == [part.choice] + part.experts.map(\.written))
                #expect(inputs(part.sum) == [part.contributions] && part.inputs.count == count)
                #expect(part.width(in: network) == 12 && (part.sharedContribution != nil) == hasShared)
                for (expert, read) in zip(part.experts, part.inputs) {
                    #expect(inputs(read) == [part.reading.node])
                    for layer in expert.layers {
                        #expect(inputs(layer) == [read, part.choice])
                        #expect(network.nodes[layer.index].fusion?.inputs == [part.reading.node, part.choice])
                    }
                    #expect(inputs(expert.output) == [expert.post, part.choice] && expert.written == expert.output)
                }
            }
        }
        // Block 1 of these has a plain MLP, and so have blocks 0 and 2 of the other.
        #expect(try FamilyFixture("qwen2_moe").network.anatomy.blocks.map { $0.mlp != nil } == [false, true, false])
        #expect(try FamilyFixture("qwen3_moe").network.anatomy.blocks.map { $0.mlp != nil } == [true, false, true])
    }

    @Test func partsInsideBranchesAreWhatTheFamiliesHave() throws {
        func block(_ name: String) throws -> Block { try #require(try FamilyFixture(name).network.anatomy.blocks.first) }
        for name in ["gemma2", "gemma3_text", "olmo2"] {
            let block = try block(name)
            #expect(block.attention?.norms.count == 1 && block.mlp?.norms.count == 1 && block.mlp?.scaling == nil)
        }
        #expect(try block("olmo2").attention?.reading.norm == nil)
        #expect(try block("granite").attention?.scaling != nil && (try block("granite").mlp?.scaling) != nil)
        // Norm and turn of queries and keys; the turn alone; neither.
        #expect(try block("qwen3").attention?.query.steps.count == 2)
        #expect(try block("llama").attention?.query.steps.count == 1)
        #expect(try block("bloom").attention?.query.steps.isEmpty == true)
        // One norm that attention and MLP share.
        let shared = try block("phi")
        #expect(shared.attention?.reading.norm != nil && shared.attention?.reading.norm == shared.mlp?.reading.norm)
    }

    @Test func sitesOfPartsAreTransformerLensNames() throws {
        let network = try #require(try FamilyFixture.network("llama-tiny"))
        func site(_ node: NodeID?) -> String? { node.map { network.nodes[$0.index].site } }
        let block = network.anatomy.blocks[1]
        #expect(site(block.before) == "blocks.1.hook_resid_pre")
        #expect(site(block.middle) == "blocks.1.hook_resid_mid")
        #expect(site(block.after) == "blocks.1.hook_resid_post")
        let attention = try #require(block.attention)
        #expect(site(attention.reading.norm) == "blocks.1.ln1.hook_normalized")
        #expect(attention.projections.map { site($0.node) } == ["q", "k", "v"].map { "blocks.1.attn.hook_\($0)" })
        #expect(attention.projections.map { site($0.read) } == ["rot_q", "rot_k", "v"].map { "blocks.1.attn.hook_\($0)" })
        #expect(site(attention.mixed) == "blocks.1.attn.hook_z")
        #expect(site(attention.written) == "blocks.1.hook_attn_out")
        let mlp = try #require(block.mlp)
        #expect(mlp.layers.map { site($0) } == ["blocks.1.mlp.hook_pre", "blocks.1.mlp.hook_pre_linear"])
        #expect(site(mlp.gate) == "blocks.1.mlp.hook_pre" && site(mlp.written) == "blocks.1.hook_mlp_out")
        #expect(site(network.anatomy.output?.reading.norm) == "ln_final.hook_normalized")
    }

    @Test func aFusedProductKnowsWhereItsHeadsLie() throws {
        // GPT-NeoX: head by head, each with query, key and value of 3 numbers in turn.
        let slice = Slice(start: 3, length: 3, stride: 9, blocks: 4)
        let projection = AttentionPart.Projection(layer: NodeID(0), slice: slice, node: NodeID(1), steps: [])
        #expect((0..<7).map(projection.row) == [3, 4, 5, 12, 13, 14, 21])
    }

    @Test func parallelPartsReadTheSameState() throws {
        let network = try #require(try FamilyFixture.network("transformers/gpt_neox"))
        let stream = network.anatomy.streams[0]
        for (place, block) in network.anatomy.blocks.enumerated() {
            #expect(block.middle == nil && block.attention?.reading.state == block.mlp?.reading.state)
            #expect(stream.writerCount(in: try #require(block.mlp).reading.state) == 2 * place)
        }
        let sequential = try #require(try FamilyFixture.network("transformers/gpt_neox-sequential"))
        for (place, block) in sequential.anatomy.blocks.enumerated() {
            #expect(sequential.anatomy.streams[0].writerCount(in: try #require(block.mlp).reading.state) == 2 * place + 1)
        }
    }

    @Test func aChainNamesItsLayers() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/cifar-cnn.pt"))
        let text =
            "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3"
        let network = try Chain.network(of: checkpoint, Architecture(text))
        let layers = network.anatomy.layers
        #expect(layers.map(\.node) == network.nodes.indices.dropFirst().map(NodeID.init))
        let kinds: [LayerPart.Kind] = [
            .weights, .norm, .activation, .pool, .weights, .activation, .pool, .passage, .weights, .activation, .weights, .activation,
            .weights,
        ]
        #expect(layers.map(\.kind) == kinds)
        #expect(network.anatomy.blocks.isEmpty && network.anatomy.output == nil)
    }
}
