import Checkpoints
import Text

/// The Grokking repository's transformers: no norms, ReLU, learned positions, separate matrices for embeddings and logits. All
/// sizes come from the tensors.
///
/// W_E [width, tokens], W_pos [positions, width], W_Q, W_K and W_V [heads, head dimension, width], W_O [width, heads * head dimension],
/// W_in [neurons, width], W_out [width, neurons], W_U [width, answers]. Blocks of attention alone are called `attn_blocks`.
enum Grokking {
    static let family = RunnableFamily(.grokking, modelTypes: []) { source throws(Problem) in
        try description(names: source.names, checkpoint: source.checkpoint)
    }

    private static func description(names: CheckpointNames, checkpoint: Checkpoint) throws(Problem) -> TransformerDescription {
        let width = try shape("embed.W_E", ["width", "tokens"], names, checkpoint)[0]
        let positions = try shape("pos_embed.W_pos", ["positions", "width"], names, checkpoint)[0]
        let blockName = names.blocks("blocks") == 0 && names.blocks("attn_blocks") > 0 ? "attn_blocks" : "blocks"
        let query = try shape("\(blockName).0.attn.W_Q", ["heads", "head dimension", "width"], names, checkpoint)
        let (heads, dimension) = (query[0], query[1])
        let (all, overflow) = heads.multipliedReportingOverflow(by: dimension)
        guard !overflow, all <= Configuration.largestSize else {
            throw Problem(
                "the heads are too large", subject: "tensor '\(blockName).0.attn.W_Q'", expected: "at most \(Configuration.largestSize)",
                found: words(query))
        }
        func projection(_ name: String) -> LinearTensors { LinearTensors(weight: "attn.\(name)", stored: [heads, dimension, width]) }

        var mlp: MLPDescription?
        if names.has("\(blockName).0.mlp.W_in") {
            let neurons = try shape("\(blockName).0.mlp.W_in", ["neurons", "width"], names, checkpoint)[0]
            mlp = MLPDescription(
                width: neurons, activation: .relu, input: LinearTensors(weight: "mlp.W_in", bias: "mlp.b_in"),
                output: LinearTensors(weight: "mlp.W_out", bias: "mlp.b_out"))
        }
        let blocks = names.blocks(blockName)
        try checkParts(blocks: blocks, blockName, hasMLP: mlp != nil, names)
        return TransformerDescription(
            width: width, blocks: blocks, blockName: blockName, norm: .none,
            positions: .learned(table: "pos_embed.W_pos", count: positions),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                projections: .separate(query: projection("W_Q"), key: projection("W_K"), value: projection("W_V")),
                output: LinearTensors(weight: "attn.W_O")),
            mlp: mlp, embedding: TableTensor(name: "embed.W_E", layout: .columns),
            output: OutputDescription(names: ["unembed.W_U"], layout: .inOut, tie: .none))
    }

    /// The shape of a tensor that must have as many dimensions as have names, none of them empty.
    static func shape(
        _ name: String, _ dimensions: [String], _ names: CheckpointNames, _ checkpoint: Checkpoint
    ) throws(Problem) -> [Int] {
        let full = try names.fullName(name)
        let wanted = "[\(dimensions.joined(separator: ", "))]"
        guard let shape = checkpoint[full]?.shape else {
            if let problem = checkpoint.problem(ofTensor: full) { throw problem }
            throw Problem("is missing", subject: "tensor '\(full)'", expected: wanted)
        }
        guard shape.count == dimensions.count, shape.allSatisfy({ (1...Configuration.largestSize).contains($0) }) else {
            throw Problem("wrong shape", subject: "tensor '\(full)'", expected: wanted, found: words(shape))
        }
        return shape
    }

    /// There are no settings for norms, so any tensor beyond the known parts would silently be ignored.
    private static func checkParts(blocks: Int, _ blockName: String, hasMLP: Bool, _ names: CheckpointNames) throws(Problem) {
        let attention: Set<Substring> = ["attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "attn.mask", "attn.IGNORE"]
        let mlp: Set<Substring> = ["mlp.W_in", "mlp.b_in", "mlp.W_out", "mlp.b_out"]
        let known = hasMLP ? attention.union(mlp) : attention
        let unknown = names.parts(ofBlocks: blockName).filter { $0.block < blocks && !known.contains($0.part) }
        guard let first = unknown.map({ "\(blockName).\($0.block).\($0.part)" }).min() else { return }
        throw Problem(
            "is not a part of these models", subject: "tensor '\(try names.fullName(first))'",
            expected: "\(known.sorted().joined(separator: ", "))")
    }
}
