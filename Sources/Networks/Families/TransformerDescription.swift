import Tensors

/// A decoder-only transformer as data: the properties given by its family and its settings, with the names of its tensors.
/// ``TransformerBuilder`` makes the network of any of them.
struct TransformerDescription: Sendable {
    /// How the parts of a block read the residual stream.
    enum ResidualOrder: Sendable {
        /// The MLP reads the stream after attention has been added.
        case sequential
        /// Attention and MLP read the same stream, and both are added to it.
        case parallel
        /// The same, and both read it through one norm, the attention's.
        case parallelSharingNorm
    }

    /// The norm before a reader of the residual stream.
    enum Norm: Sendable {
        case none
        /// Mean and variance; weight and bias, or only the weight.
        case layer(epsilon: Float)
        /// The root mean square; the factor is `offset` + weight.
        case rootMeanSquare(epsilon: Float, offset: Float)
        /// Mean and variance, or the root mean square, without weights: tensors that norms are said to have are not looked for.
        case plainLayer(epsilon: Float)
        case plainRootMeanSquare(epsilon: Float)
    }

    /// How positions are distinguished.
    enum Positions: Sendable {
        case none
        /// A table, added to the tokens' embeddings, whose rows from `offset` on are those of `count` positions.
        case learned(table: String, count: Int, offset: Int = 0)
        /// Scores that fall with the distance of a key.
        case slopes
        /// A table whose normalised rows stand behind what each part reads.
        case beside(PositionsBesideDescription)
        case rotary(RotaryPositions)

        /// Rotary positions of all blocks.
        static func rotary(_ description: RotaryDescription) -> Positions { .rotary(RotaryPositions(description)) }
    }

    /// The width of the residual stream.
    var width: Int
    /// The number of blocks.
    var blocks: Int
    /// The beginning of the names of a block's tensors, before its number: `h` in `h.0.ln_1.weight`.
    var blockName: String
    var residual = ResidualOrder.sequential
    var norm: Norm
    var positions: Positions
    /// The factor of the embeddings.
    var embeddingScale: Float = 1
    /// The norm of the embeddings, before the first block; nil if there is none.
    var embeddingNorm: NormTensors?
    /// By what each part's output is multiplied before it is added to the stream.
    var branchScale: Float = 1
    var attention: AttentionDescription
    /// nil for blocks that have only attention.
    var mlp: MLPDescription?
    /// Experts in place of the MLP of some blocks, with its activation and norm; nil if there are none.
    var experts: ExpertsDescription?
    /// The share of the entries that are kept at some places; nil where all are.
    var kept: KeptEntries?

    var embedding: TableTensor
    var finalNorm: NormTensors?
    var output: OutputDescription
}

/// The matrix that produces the logits.
struct OutputDescription: Sendable {
    /// Whether the table of embeddings is also the output matrix.
    enum Tie: Sendable {
        /// The table gives the logits, unless a separate output matrix is stored with different numbers.
        case embedding
        /// The output has a separate matrix.
        case none
    }

    /// The possible names of the matrix; the first that exists is used.
    var names: [String]
    var layout = Linear.Layout.outIn
    var tie: Tie
    var bias: String?
    /// By what the logits are multiplied.
    var scale: Float = 1
    /// The bound of the logits, cap tanh(x / cap); nil if they have none.
    var cap: Float?
    /// The table of the scores that each token adds to the logits at its position; nil if there is none.
    var tokenScores: String?
    /// The names of tensors, here or anywhere in the model, that are not learned.
    var fixed: Set<String> = []
}

/// Positions beside the stream: the width of an entry of their table, and the norm before each part, whose tensors have names relative to the
/// block.
struct PositionsBesideDescription: Sendable {
    var table: String
    var count: Int
    var width: Int
    var attentionNorm: NormTensors
    var mlpNorm: NormTensors
}

/// A share of the entries of each row, those of the largest magnitude, that is kept at some places; the others are 0.
struct KeptEntries: Sendable {
    enum Place: String, Sendable, CaseIterable {
        /// What a part's layers read.
        case attentionInput = "attn_in"
        case mlpInput = "mlp_in"
        /// Queries, keys and values of all heads together.
        case queries = "attn_q"
        case keys = "attn_k"
        case values = "attn_v"
        /// The MLP's neurons after the activation.
        case neurons = "mlp_neuron"
        /// What a part adds to the stream.
        case attentionOutput = "attn_out"
        case mlpOutput = "mlp_out"
    }

    var share: Double
    var places: Set<Place>

    /// The number of entries that are kept of a row; nil for all.
    func count(at place: Place, of width: Int) -> Int? {
        guard places.contains(place) else { return nil }
        let count = Int(min(share, 1) * Double(width))
        return count < width ? count : nil
    }
}

/// Attention with its reader's norm and its tensors, whose names are relative to the block.
struct AttentionDescription: Sendable {
    /// Where queries, keys and values come from.
    enum Projections: Sendable {
        case separate(query: LinearTensors, key: LinearTensors, value: LinearTensors)
        /// One product.
        case fused(LinearTensors, FusedOrder)
    }

    /// How one product holds queries, keys and values.
    enum FusedOrder: Sendable {
        /// All queries, all keys, all values.
        case byKind
        /// Head by head, each head's query, key and value; each head has its own key.
        case byHead
    }

    /// The factor of the products of queries and keys.
    enum Scale: Sendable {
        case constant(Float)
        /// Divided by the block's number, counted from 1.
        case overBlockNumber(Float)
    }

    var heads: Int
    var keyHeads: Int
    var headDimension: Int
    var scale: Scale
    /// The number of positions that are seen, including the own one, and the blocks; nil if all earlier positions are seen.
    var window: (length: Int, blocks: BlockChoice)?
    /// The length of the chunks that positions do not see beyond, and the blocks; nil if there are none.
    var chunks: (length: Int, blocks: BlockChoice)?
    /// How much queries grow with their position, and the blocks; nil if they do not.
    var growth: (slope: Float, step: Float, blocks: BlockChoice)?
    /// The bound of the scores, cap tanh(x / cap); nil if they have none.
    var cap: Float?
    var norm: NormTensors?
    var projections: Projections
    /// The tensor of the sinks, a score of each head that no position has; nil if there are none.
    var sinks: String?
    /// nil if queries and keys are not normalised.
    var headNorms: HeadNormsDescription?
    var output: LinearTensors
    /// The norm after the output, inside the branch; nil if there is none.
    var outputNorm: NormTensors?

    /// The factor of a block's products.
    func scale(inBlock block: Int) -> Float {
        switch scale {
        case .constant(let scale): scale
        case .overBlockNumber(let scale): scale / Float(block + 1)
        }
    }

    /// The positions that a position of a block sees.
    func mask(inBlock block: Int) -> AttentionMask {
        if let chunks, chunks.blocks.contains(block) { return .chunk(chunks.length) }
        guard let window, window.blocks.contains(block) else { return .causal }
        return .window(window.length)
    }
}

/// The MLP of a block with its reader's norm and its tensors, whose names are relative to the block.
struct MLPDescription: Sendable {
    /// The number of its neurons.
    var width: Int
    var activation: Activation.Function
    var norm: NormTensors?
    /// nil for a plain MLP; else its activation is multiplied with the input's product.
    var gate: LinearTensors?
    /// If it has the same tensor as the gate, that holds both, as the layers of the checkpoint divide it.
    var input: LinearTensors
    var output: LinearTensors
    /// The norm after the output, inside the branch; nil if there is none.
    var outputNorm: NormTensors?
}

/// Some of the blocks, without a list of them where a rule says which.
enum BlockChoice: Sendable {
    case all
    /// Those from this number on.
    case from(Int)
    /// The last of every so many.
    case every(Int)
    /// Every other one from the first, of those before this number.
    case alternating(before: Int)
    /// All but the last of every so many.
    case allButEvery(Int)
    /// Those whose entry in the list is true.
    case listed([Bool])

    func contains(_ block: Int) -> Bool {
        switch self {
        case .all: true
        case .from(let first): block >= first
        case .every(let step): (block + 1) % step == 0
        case .alternating(let end): block % 2 == 0 && block < end
        case .allButEvery(let step): (block + 1) % step != 0
        case .listed(let list): list.indices.contains(block) && list[block]
        }
    }
}

/// Norms of queries and keys. Their tensors have names relative to the block.
struct HeadNormsDescription: Sendable {
    /// The vectors that are normalised.
    enum Extent: Sendable {
        /// Those of each head, with a weight that the heads share.
        case head
        /// Those of all heads together.
        case all
    }

    var kind: HeadNorm.Kind
    var epsilon: Float
    var extent = Extent.head
    /// nil for norms of each head without weights.
    var query: NormTensors?
    var key: NormTensors?
    /// Whether they follow rotary positions.
    var followsPositions = false
    /// The blocks that have them.
    var blocks = BlockChoice.all
}

/// Rotary positions of the blocks of a model.
struct RotaryPositions: Sendable {
    /// Those of blocks that see all earlier positions, and of the others if these have none of their own.
    var standard: RotaryDescription
    /// Those of blocks that see a window, if they differ.
    var windowed: RotaryDescription?
    /// The blocks that have positions.
    var blocks = BlockChoice.all

    init(_ standard: RotaryDescription, windowed: RotaryDescription? = nil, blocks: BlockChoice = .all) {
        self.standard = standard
        self.windowed = windowed
        self.blocks = blocks
    }
}

extension TransformerDescription {
    /// The rotary positions of a block; nil if it has none.
    func rotary(inBlock block: Int) -> RotaryDescription? {
        guard case .rotary(let positions) = positions, positions.blocks.contains(block) else { return nil }
        if let windowed = positions.windowed, case .window = attention.mask(inBlock: block) { return windowed }
        return positions.standard
    }
}

/// Rotary positions: the first elements of each head's query and key are rotated.
struct RotaryDescription: Sendable {
    /// The number of elements of a head that are turned.
    var rotated: Int
    /// The angle that a position adds, for each pair of them.
    var frequencies: [Float]
    var pairing = Rotary.Pairing.halves
    /// By what cosines and sines are multiplied.
    var attentionScale: Float = 1
    /// How the frequencies follow the length of a sequence.
    var stretch = RotaryStretch.none
}

/// The tensors of a linear layer.
struct LinearTensors: Sendable {
    var weight: String
    var bias: String?
    var layout = Linear.Layout.outIn
    /// The shape in the file if that is another than the matrix's.
    var stored: [Int]?
    /// The dimensions of the file in the order of the matrix's, which may take several together; nil for the file's own.
    var order: [Int]?
    /// The shape of the bias in the file if that is another than one number for each output.
    var storedBias: [Int]?
}

extension LinearTensors {
    /// `MODULE.weight` and `MODULE.bias`.
    init(module: String, hasBias: Bool, layout: Linear.Layout = .outIn) {
        self.init(weight: module + ".weight", bias: hasBias ? module + ".bias" : nil, layout: layout)
    }
}

/// The tensors of a norm.
struct NormTensors: Sendable {
    var weight: String
    var bias: String?
}

extension NormTensors {
    /// `MODULE.weight` and `MODULE.bias`.
    init(module: String, hasBias: Bool) {
        self.init(weight: module + ".weight", bias: hasBias ? module + ".bias" : nil)
    }
}

/// A table with an entry for each token.
struct TableTensor: Sendable {
    var name: String
    var layout = Embedding.Layout.rows
}
