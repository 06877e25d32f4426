/// Experts in place of a block's MLP: gated MLPs, of which a router chooses some for each position. Names are relative to the block.
struct ExpertsDescription: Sendable {
    /// The number of experts, and how many are chosen for a position.
    var count: Int
    var chosen: Int
    var weights: Weights
    /// How the file holds the experts' matrices.
    var storage: Storage
    /// The number of neurons of an expert.
    var width: Int
    var router: LinearTensors
    /// nil if no MLP works on every position.
    var shared: SharedExpertDescription?
    /// The blocks that have experts; the others have the plain MLP.
    var blocks = BlockChoice.all
    /// Blocks that have the plain MLP nevertheless.
    var plain: Set<Int> = []
    /// nil for the activation and the product of the MLP that the experts replace.
    var bounds: Bounds?

    func areIn(block: Int) -> Bool { blocks.contains(block) && !plain.contains(block) }
}

extension ExpertsDescription {
    /// The weights of the chosen experts.
    enum Weights: Sendable {
        /// Their shares in the softmax of all scores.
        case shares
        /// The same, divided by their sum.
        case normalizedShares
        /// The logistic function of their scores, which multiplies what an expert reads.
        case gates
    }

    /// How a file holds the matrices of the experts of a block.
    enum Storage: Sendable {
        /// One tensor for each: `MODULE.3.GATE.weight`.
        case separate(module: String, gate: String, input: String, output: String)
        /// The matrices of all experts in one tensor [experts, in, out], the columns of gate and input in turn, with biases in `NAME_bias`
        /// [experts, out].
        case stacked(gateAndInput: String, output: String)
        /// The same without biases, all columns of the gate before those of the input.
        case stackedHalves(gateAndInput: String, output: String)
    }

    /// The bounds of a gated MLP: (clamp(up) + 1) g sigmoid(slope g) with g = min(gate, limit), and up between -limit and limit.
    struct Bounds: Sendable {
        var slope: Double
        var limit: Double
    }
}

/// A gated MLP of Llama's names that works on every position.
struct SharedExpertDescription: Sendable {
    var width: Int
    var module: String
    /// What gives each position a number whose sigmoid the output is multiplied by; nil if it is not.
    var gate: LinearTensors?
}
