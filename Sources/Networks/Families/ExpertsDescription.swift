/// Experts in place of a block's MLP: gated MLPs, of which a router chooses some for each position. Names are relative to the block.
struct ExpertsDescription: Sendable {
    /// The number of experts, and how many are chosen for a position.
    var count: Int
    var chosen: Int
    /// Whether the weights of the chosen ones are divided by their sum.
    var isNormalized: Bool
    /// What stands before an expert's number: `mlp.experts` in `mlp.experts.3.up_proj.weight`.
    var module: String
    /// What follows the number: the gate, the input and the output.
    var names: (gate: String, input: String, output: String)
    /// The number of neurons of an expert.
    var width: Int
    var router: LinearTensors
    /// nil if no MLP works on every position.
    var shared: SharedExpertDescription?
    /// The blocks that have experts; the others have the plain MLP.
    var blocks = BlockChoice.all
    /// Blocks that have the plain MLP nevertheless.
    var plain: Set<Int> = []

    func areIn(block: Int) -> Bool { blocks.contains(block) && !plain.contains(block) }

    /// The names of an expert's tensors.
    func tensors(_ expert: Int, _ name: String) -> LinearTensors { LinearTensors(module: "\(module).\(expert).\(name)", hasBias: false) }
}

/// A gated MLP of Llama's names that works on every position, times the sigmoid of a number for each.
struct SharedExpertDescription: Sendable {
    var width: Int
    var module: String
    var gate: LinearTensors
}
