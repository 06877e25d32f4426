import Checkpoints
import Tensors
import Text

extension TransformerBuilder {
    /// The experts of a block: router, choice, each expert's MLP at the positions that choose it, and the weighted sum.
    ///
    /// Sites: `mlp.router`, the router's scores; `mlp.hook_expert_weights`, as TransformerLens calls the weights; those of the experts are
    /// below `mlp.experts.N`, those of the MLP for every position below `mlp.shared`.
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
        let choice = builder.add(
            "\(site).hook_expert_weights", ExpertChoice(count: experts.chosen, isNormalized: experts.isNormalized), [router])
        var parts: [MLPPart] = []
        for expert in 0..<experts.count {
            let site = "\(site).experts.\(expert)"
            func layer(_ hook: String, _ name: String, of input: NodeID, from inputs: Int, to outputs: Int) throws(Problem) -> NodeID {
                let tensors = named(experts.tensors(expert, name), in: block)
                let weight = try builder.parameter(try names.fullName(tensors.weight), shape: [outputs, inputs])
                return builder.add("\(site).\(hook)", RoutedLinear(expert: expert), [input, choice], parameters: [weight])
            }
            let gate = try layer("hook_pre", experts.names.gate, of: reading.node, from: width, to: experts.width)
            let gated = builder.add("\(site).gate", Activation(mlp.activation), [gate])
            let input = try layer("hook_pre_linear", experts.names.input, of: reading.node, from: width, to: experts.width)
            let post = builder.add("\(site).hook_post", GatedProduct(), [gated, input])
            let output = try layer("out", experts.names.output, of: post, from: experts.width, to: width)
            parts.append(MLPPart(reading: reading, gate: gate, input: input, post: post, output: output, norms: [], scaling: nil))
        }
        let hook = "blocks.\(block).hook_mlp_out"
        guard let shared = experts.shared else {
            let sum = builder.add(hook, ExpertSum(), [choice] + parts.map(\.written))
            return ExpertPart(
                reading: reading, router: router, choice: choice, experts: parts, shared: nil, output: sum, norms: [])
        }
        let sum = builder.add("\(site).expert_sum", ExpertSum(), [choice] + parts.map(\.written))
        func tensors(_ name: String) -> LinearTensors {
            named(LinearTensors(module: "\(shared.module).\(name)", hasBias: false), in: block)
        }
        let gate = try linear("\(site).shared.hook_pre", tensors("gate_proj"), of: reading.node, from: width, to: shared.width)
        let gated = builder.add("\(site).shared.gate", Activation(mlp.activation), [gate])
        let input = try linear("\(site).shared.hook_pre_linear", tensors("up_proj"), of: reading.node, from: width, to: shared.width)
        let post = builder.add("\(site).shared.hook_post", GatedProduct(), [gated, input])
        let output = try linear("\(site).shared.out", tensors("down_proj"), of: post, from: shared.width, to: width)
        let share = try linear("\(site).shared.router", named(shared.gate, in: block), of: reading.node, from: width, to: 1)
        let weight = builder.add("\(site).shared.hook_weight", Activation(.sigmoid), [share])
        let weighted = builder.add("\(site).shared.hook_out", ExpertSum(), [weight, output])
        let all = builder.add(hook, Sum(), [sum, weighted])
        return ExpertPart(
            reading: reading, router: router, choice: choice, experts: parts,
            shared: MLPPart(reading: reading, gate: gate, input: input, post: post, output: output, norms: [], scaling: nil), output: all,
            norms: [])
    }
}
