import Tensors
import TestSupport
import Testing

@testable import Networks

/// Runs that compute only the positions that are read, and of a change those from its position on.
struct PositionRunTests {
    /// Every causal model but those that treat positions as another of the list does.
    static let models = FamilyFixture.models.filter { !alike.contains($0) }
    private static let alike: Set = [
        "gemma", "gemma3", "gpt2-untied", "gpt_oss-mxfp4", "llama-longrope", "llama-tied", "llama-yarn", "llama4", "nanogpt",
        "opt-unbiased",
        "phi-normed", "qwen2", "qwen3-yarn", "stablelm", "starcoder2",
    ]

    private func lastRows(_ tensor: Tensor) -> [Float] {
        let length = tensor.rows / tensor.shape[0]
        return (0..<tensor.shape[0]).flatMap { tensor.view(at: ((($0 + 1) * length) - 1) * tensor.width, shape: [tensor.width]).elements }
    }

    /// A request for what a run after changes at a node reads, and the base that it starts from.
    private func requests(_ network: Network, changing node: NodeID, reading: NodeID, at position: Int) -> (
        base: RunRequest, late: RunRequest
    ) {
        let recorded = network.frontier(intervened: [node]).union(network.positionFrontier(intervened: node, reading: reading))
            .union([reading])
        var late = RunRequest(recorded: [reading])
        (late.intervened, late.base, late.readAtEnd, late.changedPositions) = ([node], recorded, [reading], position..<position + 1)
        return (RunRequest(recorded: recorded), late)
    }

    @Test(arguments: models) func changesAtAPositionAreThoseOfWholeRuns(name: String) throws {
        let fixture = try FamilyFixture(name)
        let (network, tokens) = (fixture.network, try fixture.tokens("batch"))
        let team = Team(size: 2)
        try #require(network.isCausal)
        let output = try #require(network.anatomy.output)
        let reading = output.reading.node
        let shape = BatchShape.tokens(samples: tokens.samples, length: tokens.length)
        var nodes: [NodeID] = []
        for block in network.anatomy.blocks {
            nodes.append(block.before)
            if let attention = block.attention { nodes += [attention.written, attention.key.node, attention.query.read, attention.mixed] }
            if let mlp = block.mlp { nodes += [mlp.input, mlp.written] }
            if let experts = block.experts { nodes += [experts.router, experts.contributions, experts.written] }
        }
        var moved = 0
        for node in nodes {
            for position in [0, 1, tokens.length / 2, tokens.length - 1] {
                let change = Intervention(node: node, positions: [position], replacement: .zero)
                var whole = RunRequest(recorded: [reading])
                whole.intervened = [node]
                let wanted = try Executor(network, batch: shape, request: whole, team: team).run(.tokens(tokens), interventions: [change])
                let requests = requests(network, changing: node, reading: reading, at: position)
                let base = try Executor(network, batch: shape, request: requests.base, team: team).run(.tokens(tokens))
                let found = try Executor(network, batch: shape, request: requests.late, team: team)
                    .run(.tokens(tokens), interventions: [change], base: base)
                let (a, b) = (lastRows(try #require(found[reading])), lastRows(try #require(wanted[reading])))
                let scale = b.map(abs).max() ?? 0
                #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 2e-5 * max(1, scale) }, "\(node) at \(position)")
                moved += zip(b, lastRows(try #require(base[reading]))).contains { abs($0 - $1) > 1e-3 } ? 1 : 0
            }
        }
        #expect(moved > nodes.count / 2)
    }

    @Test func onlyPositionsThatAreReadAreComputed() throws {
        let fixture = try FamilyFixture("qwen3")
        let (network, tokens) = (fixture.network, try fixture.tokens("batch"))
        let (samples, length) = (tokens.samples, tokens.length)
        let blocks = network.anatomy.blocks
        let reading = try #require(network.anatomy.output).reading.node
        let requests = requests(network, changing: blocks[0].before, reading: reading, at: length - 4)
        let plan = try RunPlan(network, batch: .tokens(samples: samples, length: length), request: requests.late, teamSize: 1)
        func positions(_ node: NodeID?) -> Int? { node.flatMap { node in plan.steps.first { $0.node == node }?.shape[1] } }
        // Block 0 computes queries, keys and values of the changed position, and what follows of the last four; block 1, the last, the answer's
        // alone, but for keys and values.
        try #require(blocks.count == 2)
        #expect(positions(blocks[0].attention?.query.read) == 1 && positions(blocks[0].attention?.key.read) == 1)
        #expect(positions(blocks[0].attention?.value.node) == 1 && positions(blocks[0].attention?.mixed) == 4)
        #expect(positions(blocks[0].mlp?.post) == 4 && positions(blocks[0].after) == 4)
        #expect(positions(blocks[1].attention?.query.node) == 1 && positions(blocks[1].attention?.mixed) == 1)
        #expect(positions(blocks[1].attention?.key.node) == 4 && positions(blocks[1].attention?.value.node) == 4)
        #expect(positions(blocks[1].mlp?.post) == 1 && positions(reading) == 1)
        // Without a change: the last block alone.
        var request = RunRequest(recorded: [reading])
        request.readAtEnd = [reading]
        let whole = try RunPlan(network, batch: .tokens(samples: samples, length: length), request: request, teamSize: 1)
        func all(_ node: NodeID?) -> Int? { node.flatMap { node in whole.steps.first { $0.node == node }?.shape[1] } }
        #expect(all(blocks[0].mlp?.post) == length && all(blocks[1].attention?.key.node) == length)
        #expect(all(blocks[1].attention?.query.node) == 1 && all(blocks[1].mlp?.post) == 1)
    }

    /// The output of a run and the gradients of all parameters for a sum of it whose numbers count differently, at the last position or at all.
    private func run(
        _ network: Network, _ batch: Batch, _ request: RunRequest, atEnd: Bool = false
    ) throws -> (output: [Float], gradients: [[Float]], plan: RunPlan) {
        var request = request
        let parameters = network.parameters.indices.map(ParameterID.init)
        request.gradients = GradientRequest(parameters: Set(parameters))
        let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: 2))
        let output = try #require(executor.run(batch)[network.output])
        let gradients = Gradients(executor, seeds: [network.output])
        let (rows, length) = (output.rows, atEnd ? output.shape[1] : 1)
        let seed = MutableTensor.zeros(output.shape)
        for row in 0..<rows where row % length == length - 1 {
            // The same numbers for a sample whatever else is computed.
            let place = row / length
            seed.view(at: row * output.width, shape: [output.width])
                .copy(from: Tensor(shape: [output.width], (0..<output.width).map { Float((7 * place + 3 * $0) % 11) - 5 }))
        }
        gradients.backward([network.output: seed])
        let answers = atEnd ? lastRows(output) : output.elements
        return (answers, try parameters.map { try #require(gradients[$0]).elements }, executor.plan)
    }

    private func expectSame(_ a: [Float], _ b: [Float], _ what: String) {
        let scale = b.map(abs).max() ?? 0
        #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 2e-5 * max(1, scale) }, "\(what)")
    }

    @Test(arguments: [
        "bert-classes", "roberta-classes", "electra-classes", "distilbert-classes", "vit", "deit", "timm-vit", "timm-vit-registers",
        "torchvision-vit", "deit-teacher",
    ]) func ofATokenThatAHeadSelectsTheLastBlockComputesNoOther(name: String) throws {
        let fixture = try EncoderFixture(name)
        let isText = if case .tokens = fixture.network.input { true } else { false }
        let (network, batch) = (fixture.network, try fixture.batch(isText ? "batch" : "images"))
        let last = try #require(network.anatomy.blocks.last)
        let part = try run(network, batch, RunRequest(recorded: [network.output]))
        // A state that is recorded is computed as a whole.
        let whole = try run(network, batch, RunRequest(recorded: [network.output, last.after]))
        func positions(_ node: NodeID?, _ plan: RunPlan) -> Int? { node.flatMap { node in plan.steps.first { $0.node == node }?.shape[1] } }
        let (post, key) = (last.mlp?.post, last.attention?.key.read)
        let length = try #require(positions(post, whole.plan))
        #expect(length > 3 && positions(key, part.plan) == length)
        // The head with a teacher reads two tokens.
        #expect(positions(post, part.plan) == (name == "deit-teacher" ? 2 : 1))
        #expect(positions(network.anatomy.blocks[0].mlp?.post, part.plan) == length)
        expectSame(part.output, whole.output, "output")
        for (place, (a, b)) in zip(part.gradients, whole.gradients).enumerated() { expectSame(a, b, network.parameters[place].name) }
    }

    @Test(arguments: ["gpt2", "llama", "gemma2", "gpt_oss", "bloom", "mixtral", "llama-dynamic", "grokking", "grokking-attention"])
    func gradientsOfAnswersAtTheEndAreThoseOfWholeRuns(name: String) throws {
        let fixture = try FamilyFixture(name)
        let (network, batch) = (fixture.network, Batch.tokens(try fixture.tokens("batch")))
        let whole = try run(network, batch, RunRequest(recorded: [network.output]), atEnd: true)
        var request = RunRequest(recorded: [network.output])
        request.readAtEnd = [network.output]
        let part = try run(network, batch, request, atEnd: true)
        #expect(part.plan.arenaSize < whole.plan.arenaSize)
        expectSame(part.output, whole.output, "output")
        for (place, (a, b)) in zip(part.gradients, whole.gradients).enumerated() { expectSame(a, b, network.parameters[place].name) }
    }

    @Test func onlyCausalLanguageModelsAreCausal() throws {
        #expect(try FamilyFixture("gemma2").network.isCausal)
        let bert = try #require(try FamilyFixture.network("transformers/bert"))
        #expect(!bert.isCausal)
    }
}
