import Interventions
import Networks
import Tensors
import Text

/// How finely a network is divided into nodes.
package enum EdgeGranularity: String, Sendable, CaseIterable {
    /// Attention heads and whole MLPs.
    case component
    /// The experts of mixtures; attention heads and other MLPs stay what they are.
    case expert
    /// The clusters of a layer's neurons; attention heads stay what they are.
    case cluster
    /// Single neurons, of an image layer its channels; attention heads stay what they are.
    case neuron

    /// The documentation of the value for help and manual, one sentence.
    package var documentation: String {
        switch self {
        case .component: "Attention heads and whole MLPs."
        case .expert: "Attention heads, each expert and the router of a mixture of experts, and whole MLPs elsewhere."
        case .cluster: "The clusters in a file; layers without clusters stay whole."
        case .neuron: "Each neuron of an MLP or a hidden layer; each channel of an image layer."
        }
    }
}

/// A node that writes: the input (all embeddings together), a head's output through its part of the output matrix, an MLP, a neuron or cluster
/// through its columns of the next matrix, an expert's output times its weight.
package struct EdgeSource: Sendable, Equatable {
    /// `input`, `a0.h3`, `a0` if a norm combines the heads, `a0.norm` for a norm after a sum, `m2`, `m2.e5`, `m2.n17`, `m2.c1`, `fc1.n3`.
    package let name: String
}

/// A node that reads: a head's query, key or value input with the norm before it, an MLP, neurons, the output.
package struct EdgeReader: Sendable, Equatable {
    /// `a1.h0<q>`, `m2`, `m2.router`, `m2.e5`, `m2.norm`, `logits`; keys and values that several heads share are `a1.kv0<k>` and `a1.kv0<v>`.
    package let name: String
    /// The consecutive sources that it can read.
    package let sources: Range<Int>
    /// The sources that its node writes; empty for the output.
    package let writes: Range<Int>
    /// The edge from the first of its sources; the others follow.
    let firstEdge: Int
    let stage: Int
    /// Whether its input at one position affects other positions: a key or a value.
    let movesPositions: Bool
}

/// The edges of a network: each from a source to a reader whose input is the sum of its sources.
///
/// A transformer's nodes are those of EAP and EAP-IG (Syed et al. 2023, Hanna et al. 2024): the sum of the embeddings as one source, each
/// head with separate inputs for query, key and value, each MLP, the logits. A reader's norm is a part of the reader. The bias of an
/// attention's output, which no head writes, is a constant of the stream that no edge carries; so is the output's bias of an MLP that is
/// divided into neurons or clusters. A norm after the output, inside the branch, combines all heads, and what they write cannot be
/// separated: such an attention is one source, `a0`, with the readers of all heads, and such an MLP cannot be divided. A mixture of experts
/// is one node, or each expert is a source, its output times its weight, and a reader, and the router is one more reader that has part in
/// all of them; an MLP beside the experts that works on every position is a node of its own. If attention and
/// MLP of a block read the same stream, there is no edge between them. A norm after a sum, as BERT has, ends its stream: it is a node,
/// `a0.norm`, that reads all that is added before it, and is the first source of the next stream. A choice of the largest entries is like a norm:
/// before a part it belongs to the reader, inside the branch it combines all heads; of the queries, keys and values of all heads, it makes the
/// readers of one head have part in all that the heads write. The scores of a table of bigrams are those of the clean sample, and no edge. In a
/// plain chain, the neurons or
/// clusters of the hidden layers are
/// the nodes between one input and one output.
package struct EdgeGraph: Sendable {
    package let network: Network
    package let granularity: EdgeGranularity
    /// In the order in which a run comes to them.
    package let sources: [EdgeSource]
    package let readers: [EdgeReader]
    package let edgeCount: Int
    /// The stages of a run, in the order in which they read.
    let stages: [EdgeStage]
    /// Sources that are added up in one stream, by their stream.
    let spaces: [Range<Int>]
    /// For each space but the first, the stage whose emission is the first of its sources.
    let beginnings: [Int]
    /// What the answer of a sequence is read from.
    let answer: EdgeAnswer
    /// The node whose output the first source is.
    let input: NodeID
    /// Whether a part reads the number of a position, so that no position can be computed as if it were alone.
    private let readsPositions: Bool
    /// The scores that each token adds to the answer at its position, [tokens, answers]; nil if there are none.
    private let tokenScores: Tensor?

    init(
        network: Network, granularity: EdgeGranularity, sources: [EdgeSource], readers: [EdgeReader], stages: [EdgeStage],
        spaces: [Range<Int>], beginnings: [Int], answer: EdgeAnswer, input: NodeID, readsPositions: Bool = false, tokenScores: Tensor? = nil
    ) {
        precondition(beginnings.count + 1 == spaces.count, "\(beginnings.count) beginnings of \(spaces.count) spaces")
        self.network = network
        self.granularity = granularity
        self.sources = sources
        self.readers = readers
        self.stages = stages
        self.spaces = spaces
        self.beginnings = beginnings
        self.answer = answer
        self.input = input
        self.readsPositions = readsPositions
        self.tokenScores = tokenScores
        edgeCount = readers.reduce(0) { $0 + $1.sources.count }
    }

    /// Whether what matters at the last positions alone can be computed there alone.
    var hasEnds: Bool { answer == .lastPosition && !readsPositions }

    /// The scores that no edge carries: those that the last tokens of clean samples add to the answers, [samples, answers]; nil without a table.
    func constantScores(_ clean: Batch) -> Tensor? {
        guard let tokenScores, case .tokens(let tokens) = clean else { return nil }
        let scores = MutableTensor(uninitialized: [tokens.samples, tokenScores.width])
        for sample in 0..<tokens.samples {
            let token = Int(tokens.ids[(sample + 1) * tokens.length - 1])
            scores[sample..<sample + 1].copy(from: tokenScores[token..<token + 1])
        }
        return scores
    }

    /// The edge into a reader from one of its sources.
    package func edge(from source: Int, to reader: Int) -> Int {
        precondition(readers[reader].sources.contains(source), "no edge from \(source) to \(reader)")
        return readers[reader].firstEdge + source - readers[reader].sources.lowerBound
    }

    /// Whether the neurons of a node's output, before the activation, are nodes of the graph.
    package func cuts(_ node: NodeID) -> Bool {
        stages.contains { stage in
            stage.units.count > 1
                && stage.units.contains { unit in unit.kind == .neurons && unit.targets.contains { $0.node == node } }
        }
    }

    /// All edges into a reader, in the order of their sources.
    package func edges(to reader: Int) -> Range<Int> {
        readers[reader].firstEdge..<readers[reader].firstEdge + readers[reader].sources.count
    }

    /// The ends of an edge.
    package func ends(of edge: Int) -> (source: Int, reader: Int) {
        var low = 0
        var high = readers.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if readers[middle].firstEdge <= edge { low = middle } else { high = middle }
        }
        return (edge - readers[low].firstEdge + readers[low].sources.lowerBound, low)
    }

    /// `a0.h3->a1.h0<q>`.
    package func name(of edge: Int) -> String {
        let ends = ends(of: edge)
        return sources[ends.source].name + "->" + readers[ends.reader].name
    }

    /// The edges of a graph with all of them.
    package var whole: EdgeSet { EdgeSet(repeating: true, count: edgeCount) }

    /// A graph without edges.
    package var empty: EdgeSet { EdgeSet(repeating: false, count: edgeCount) }

    /// The stage with the emission that is the first source of a space; nil for the space of the input.
    func beginning(ofSpace space: Int) -> Int? { space == 0 ? nil : beginnings[space - 1] }

    /// The space in which a source is added up, and its place in it.
    func place(of source: Int) -> (space: Int, index: Int) {
        for (space, range) in spaces.enumerated() where range.contains(source) { return (space, source - range.lowerBound) }
        preconditionFailure("source \(source) of \(sources.count)")
    }
}

/// What of the last stream an answer depends on.
enum EdgeAnswer: Sendable {
    /// The last position of a sequence alone: what follows works on each position by itself.
    case lastPosition
    /// All of it: what follows takes a position or mixes them.
    case sample
}

/// For each edge of a graph whether it is in a circuit.
package typealias EdgeSet = [Bool]
