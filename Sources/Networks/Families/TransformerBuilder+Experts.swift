import Checkpoints
import Tensors
import Text

extension TransformerBuilder {
    /// The experts of a block: router, choice, each expert's MLP at the positions that choose it, and the weighted sum.
    ///
    /// Sites: `mlp.router`, the router's scores; `mlp.hook_expert_weights`, as TransformerLens calls the weights; those of the experts are
    /// below `mlp.experts.N`, `gated_in` among them where an expert's input is multiplied by its gate; `mlp.hook_experts`, the outputs of all experts times their weights, side by side; those of the MLP for every
    /// position below `mlp.shared`.
    mutating func addExperts(
        _ experts: ExpertsDescription, _ mlp: MLPDescription, _ block: Int, reading: Stream.Reader
    ) throws(Problem) -> ExpertPart {
        let site = "blocks.\(block).mlp"
        let width = description.width
        // A number that the file cannot hold is found out before nodes are made.
        let router = try linear("\(site).router", named(experts.router, in: block), of: reading.node, from: width, to: experts.count)
        guard experts.chosen <= experts.count else {
            throw Problem(
                "the router chooses more experts than there are", subject: "config.json: 'num_experts_per_tok'",
                expected: "at most \(experts.count)", found: "\(experts.chosen)")
        }
        let weights = "\(site).hook_expert_weights"
        let choice: NodeID
        // What the experts' outputs are multiplied by.
        let factors: NodeID
        switch experts.weights {
        case .shares, .normalizedShares:
            let isNormalized = if case .normalizedShares = experts.weights { true } else { false }
            choice = builder.add(weights, ExpertChoice(count: experts.chosen, isNormalized: isNormalized), [router])
            factors = choice
        case .gates:
            choice = builder.add(weights, ExpertGates(count: experts.chosen), [router])
            factors = builder.add("\(site).expert_marks", ExpertMarks(), [choice])
        }
        let readsGated = factors != choice
        var parts: [MLPPart] = []
        var inputs: [NodeID] = []
        for expert in 0..<experts.count {
            let site = "\(site).experts.\(expert)"
            let tensors = ExpertTensors(expert: expert, of: experts, width: width)
            let open = builder.add("\(site).hook_in", Identity(name: "stream"), [reading.node])
            inputs.append(open)
            var read = open
            if readsGated {
                let gate = GatedInput(expert: expert)
                read = builder.add(
                    "\(site).gated_in", gate, [open, choice],
                    fusion: Node.Fusion(operation: gate, inputs: [reading.node, choice], replaces: [open]))
            }
            var all: [ParameterID] = []
            func layer(
                _ hook: String, _ matrix: ExpertTensors.Matrix, of input: NodeID, fused: Node.Fusion? = nil
            ) throws(Problem) -> NodeID {
                let parameters = try parameters(matrix, block)
                all += parameters
                let operation = RoutedLinear(layout: matrix.layout, expert: expert)
                // What reads the stream reads it where it is, unless somebody looks at what the expert reads.
                var fusion = fused
                fusion?.parameters = all
                if readsGated {
                    fusion = nil
                } else if input == read {
                    fusion = Node.Fusion(
                        operation: operation, inputs: [reading.node, choice], parameters: parameters, replaces: [read])
                }
                return builder.add("\(site).\(hook)", operation, [input, choice], parameters: parameters, fusion: fusion)
            }
            let gate = try layer("hook_pre", tensors.gate, of: read)
            let input = try layer("hook_pre_linear", tensors.input, of: read)
            var activation = Activation(mlp.activation)
            var clamp: Activation?
            if let bounds = experts.bounds {
                activation = Activation(.limitedSwish(slope: bounds.slope, limit: bounds.limit), name: "limited swish")
                clamp = Activation(.shiftedClamp(limit: bounds.limit, shift: 1), name: "shifted clamp")
            }
            let gated = builder.add("\(site).gate", activation, [gate])
            let factor = clamp.map { builder.add("\(site).factor", $0, [input]) } ?? input
            let post = builder.add("\(site).hook_post", GatedProduct(), [gated, factor])
            let whole = RoutedMLP(
                expert: expert, width: experts.width, layout: tensors.output.layout, activation: activation, factor: clamp,
                hasBias: tensors.hasBiases)
            let output = try layer(
                "out", tensors.output, of: post,
                fused: Node.Fusion(
                    operation: whole, inputs: [reading.node, choice], replaces: Array(Set([read, gate, gated, input, factor, post]))))
            parts.append(MLPPart(reading: reading, gate: gate, input: input, post: post, output: output, norms: [], scaling: nil))
        }
        let contributions = builder.add("\(site).hook_experts", ExpertContributions(), [factors] + parts.map(\.written))
        let sumFusion = Node.Fusion(operation: ExpertSum(), inputs: [factors] + parts.map(\.written), replaces: [contributions])
        let hook = "blocks.\(block).hook_mlp_out"
        let sum = builder.add(
            experts.shared == nil ? hook : "\(site).expert_sum", BlockSum(blocks: experts.count), [contributions], fusion: sumFusion)
        guard let shared = experts.shared else {
            return ExpertPart(
                reading: reading, router: router, choice: choice, experts: parts, inputs: inputs, contributions: contributions, sum: sum,
                shared: nil, sharedContribution: nil, sharedRouter: nil, output: sum, norms: [])
        }
        func tensors(_ name: String) -> LinearTensors {
            named(LinearTensors(module: "\(shared.module).\(name)", hasBias: false), in: block)
        }
        let gate = try linear("\(site).shared.hook_pre", tensors("gate_proj"), of: reading.node, from: width, to: shared.width)
        let gated = builder.add("\(site).shared.gate", Activation(mlp.activation), [gate])
        let input = try linear("\(site).shared.hook_pre_linear", tensors("up_proj"), of: reading.node, from: width, to: shared.width)
        let post = builder.add("\(site).shared.hook_post", GatedProduct(), [gated, input])
        let output = try linear("\(site).shared.out", tensors("down_proj"), of: post, from: shared.width, to: width)
        var weighted = output
        var share: NodeID?
        if let gate = shared.gate {
            let score = try linear("\(site).shared.router", named(gate, in: block), of: reading.node, from: width, to: 1)
            let weight = builder.add("\(site).shared.hook_weight", Activation(.sigmoid), [score])
            weighted = builder.add("\(site).shared.hook_out", ExpertSum(), [weight, output])
            share = score
        }
        let all = builder.add(hook, Sum(), [sum, weighted])
        return ExpertPart(
            reading: reading, router: router, choice: choice, experts: parts, inputs: inputs, contributions: contributions, sum: sum,
            shared: MLPPart(reading: reading, gate: gate, input: input, post: post, output: output, norms: [], scaling: nil),
            sharedContribution: weighted, sharedRouter: share, output: all, norms: [])
    }

    /// The parameters of a matrix of one expert: the weight, and its bias if there is one.
    private mutating func parameters(_ matrix: ExpertTensors.Matrix, _ block: Int) throws(Problem) -> [ParameterID] {
        let tensor = try names.fullName("\(description.blockName).\(block).\(matrix.tensor)")
        guard let part = matrix.part else { return [try builder.parameter(tensor, shape: matrix.shape)] }
        let weight = try builder.parameter(tensor, part: part.suffix, shape: matrix.shape, of: part.whole, catalog: catalog)
        guard let biases = part.biases else { return [weight] }
        return [
            weight,
            try builder.parameter(tensor + "_bias", part: part.suffix, biases.places, shape: [matrix.shape[1]], of: biases.whole),
        ]
    }
}

/// The tensors of one expert, or where it is in those of all.
private struct ExpertTensors {
    struct Matrix {
        /// Relative to the block.
        let tensor: String
        let shape: [Int]
        let layout: Linear.Layout
        /// nil for a tensor of its own.
        let part: Part?
    }

    /// A matrix inside a tensor of all experts' matrices.
    struct Part {
        let suffix: String
        let whole: [Int]
        /// The place of its biases, and the shape of the tensor of all; nil if there are none.
        let biases: (places: [TensorRecord.Slice], whole: [Int])?
    }

    let gate: Matrix
    let input: Matrix
    let output: Matrix

    var hasBiases: Bool { output.part?.biases != nil }

    init(expert: Int, of experts: ExpertsDescription, width: Int) {
        switch experts.storage {
        case .separate(let module, let gate, let input, let output):
            func matrix(_ name: String, _ shape: [Int]) -> Matrix {
                Matrix(tensor: "\(module).\(expert).\(name).weight", shape: shape, layout: .outIn, part: nil)
            }
            self.gate = matrix(gate, [experts.width, width])
            self.input = matrix(input, [experts.width, width])
            self.output = matrix(output, [width, experts.width])
        case .stacked(let gateAndInput, let output), .stackedHalves(let gateAndInput, let output):
            let hasBiases = if case .stacked = experts.storage { true } else { false }
            // Sizes are at most 2^28, so their products and doubles fit.
            let (count, neurons) = (experts.count, experts.width)
            func half(_ name: String, _ first: Int) -> Matrix {
                Matrix(
                    tensor: gateAndInput, shape: [width, neurons], layout: .inOut,
                    part: Part(
                        suffix: "[\(expert)][\(name)]", whole: [count, width, 2 * neurons],
                        biases: hasBiases
                            ? ([.place(expert), .places(first: first, step: 2, count: neurons)], [count, 2 * neurons]) : nil))
            }
            gate = half("gate", 0)
            input = half("up", 1)
            self.output = Matrix(
                tensor: output, shape: [neurons, width], layout: .inOut,
                part: Part(
                    suffix: "[\(expert)]", whole: [count, neurons, width],
                    biases: hasBiases ? ([.place(expert)], [count, width]) : nil))
        }
    }
}
