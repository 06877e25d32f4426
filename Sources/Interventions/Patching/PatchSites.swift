import Archives
import Checkpoints
import Networks
import Text

/// The sites of a network that can be patched, found by name.
package struct PatchSites: Sendable {
    /// How sites are cut into parts.
    package enum Granularity: String, Sendable, CaseIterable {
        /// Sites of attention with heads by head, those of experts by expert, all others whole.
        case auto
        case site, head, expert, neuron

        /// The documentation of the value for help and manual, one sentence.
        package var documentation: String {
            switch self {
            case .auto: "Attention sites by head, experts by expert, neurons by neuron, all others whole."
            case .site: "Every site whole."
            case .head: "By head; a site without heads is an error."
            case .expert: "By expert of a mixture; a site without experts is an error."
            case .neuron: "By neuron of the last dimension; images by channel."
            }
        }
    }

    /// Names for the sites of all blocks.
    package enum Kind: String, Sendable, CaseIterable {
        /// The residual stream before, between and after the parts of each block.
        case resid
        case attnOut = "attn_out"
        case mlpOut = "mlp_out"
        /// What each head reads, before the output matrix.
        case heads
        case q, k, v, pattern
        /// What each expert of a mixture adds: its output times its weight.
        case experts
        /// The neurons of MLPs and chains, after the nonlinearity.
        case neurons

        /// The nodes of a block that the kind names.
        fileprivate func nodes(of block: Block) -> [NodeID] {
            switch self {
            case .resid: [block.before, block.middle, block.after].compactMap { $0 }
            case .attnOut: [block.attention?.written].compactMap { $0 }
            case .mlpOut: [block.mlp?.written ?? block.experts?.written].compactMap { $0 }
            case .heads: [block.attention?.mixed].compactMap { $0 }
            case .q: [block.attention?.query.node].compactMap { $0 }
            case .k: [block.attention?.key.node].compactMap { $0 }
            case .v: [block.attention?.value.node].compactMap { $0 }
            case .pattern: [block.attention?.pattern].compactMap { $0 }
            case .experts: [block.experts?.contributions].compactMap { $0 }
            case .neurons: ([block.mlp, block.experts?.shared].compactMap { $0 } + (block.experts?.experts ?? [])).map(\.post)
            }
        }
    }

    /// One node that can be patched.
    struct Entry: Sendable {
        let node: NodeID
        let site: String
        let neurons: Int
        let heads: HeadLayout?
        /// Whether the output has a place for each token.
        let hasPositions: Bool
    }

    /// What names the model's scores where no site is called so.
    static let logits = "logits"

    let entries: [Entry]
    private let output: String
    private let isSequential: Bool

    /// - Throws: ``Problem`` if shapes do not go together for any batch.
    package init(_ network: Network) throws(Problem) {
        let shapes = try network.exampleShapes()
        let layouts = HeadLayout.layouts(of: network)
        let dimensions = network.neuronDimensions
        self.dimensions = dimensions
        // A model of images may be a transformer over its patches.
        isSequential = if case .tokens = network.input { true } else { network.anatomy.blocks.contains { $0.attention != nil } }
        let isSequential = isSequential
        output = network.nodes[network.output.index].site
        entries = network.nodes.indices.compactMap { index in
            let node = NodeID(index)
            guard node != network.output, !(network.answerSteps?.nodes.contains(node) ?? false) else { return nil }
            return Entry(
                node: node, site: network.nodes[index].site, neurons: dimensions.places(of: node, in: shapes[index]).neurons,
                heads: layouts[node],
                hasPositions: isSequential && (shapes[index].count == 3 || layouts[node] != nil))
        }
        let layers = network.anatomy.layers.filter { $0.node != network.output }
        let activations = layers.filter { $0.kind == .activation }
        let functions = network.nodes.indices.map(NodeID.init).filter { node in
            node != network.output && network.nodes[node.index].isActivation
        }
        // A network of images that is no chain: what its nonlinearities make.
        neurons = Set(
            network.anatomy.layers.isEmpty
                ? functions
                : (activations.isEmpty ? layers.filter { !network.nodes[$0.node.index].parameters.isEmpty } : activations).map(\.node))
        blocks = network.anatomy.blocks
        gap = network.anatomy.gap
        sentenceProblem = network.anatomy.sentenceProblem
    }

    /// Which dimension of each site's output its neurons are.
    let dimensions: NeuronDimensions
    private let blocks: [Block]
    /// What a graph has that looks like the parts of blocks and is none.
    private let gap: String?
    /// Why there is no embedding of sentences.
    private let sentenceProblem: String?
    /// The neurons of a chain: the outputs of its nonlinearities; or of its layers with parameters if it has none.
    private let neurons: Set<NodeID>

    /// The default sites.
    ///
    /// In a transformer, the heads and the MLPs; by position, the residual stream before each block, and what attention and MLPs write. In a chain,
    /// the neurons after its nonlinearities: its layers as a whole carry everything.
    package func parts(by places: PatchedPlaces, granularity: Granularity = .auto) throws -> [PatchedPart] {
        guard isSequential else { return try parts([Kind.neurons.rawValue], granularity: granularity, by: places) }
        let nodes = Set(
            blocks.flatMap { block in
                switch places {
                case .all: Kind.heads.nodes(of: block) + Kind.mlpOut.nodes(of: block)
                case .position: [block.before] + Kind.attnOut.nodes(of: block) + Kind.mlpOut.nodes(of: block)
                }
            })
        return try chosen(entries.filter { nodes.contains($0.node) }.flatMap { try cut($0, granularity) }, by: places)
    }

    /// The parts that `patterns` name, in the network's order.
    ///
    /// A pattern is a ``Kind``, or a glob of site names, with or without `hook_`; after a dot it may end in the number of one head, or
    /// of one neuron if neurons are patched. A pattern after `!` excludes parts.
    ///
    /// - Throws: ``Problem`` for a pattern that matches nothing, with the nearest names.
    package func parts(_ patterns: [String], granularity: Granularity, by places: PatchedPlaces) throws -> [PatchedPart] {
        var found: [PatchedPart] = []
        for pattern in patterns {
            if pattern.hasPrefix("!") {
                let removed = try matches(String(pattern.dropFirst()), granularity)
                found.removeAll { part in removed.contains { $0.node == part.node && ($0.index == nil || $0.index == part.index) } }
            } else {
                found += try matches(pattern, granularity)
            }
        }
        return try chosen(found, by: places)
    }

    /// Parts that have been found, each once, in the network's order.
    private func chosen(_ found: [PatchedPart], by places: PatchedPlaces) throws -> [PatchedPart] {
        guard !found.isEmpty else { throw Problem("leaves no site", setting: .sites) }
        try check(found, by: places)
        var seen: Set<String> = []
        return found.filter { seen.insert("\($0.unit.rawValue) \($0.name)").inserted }
            .sorted { ($0.node.index, $0.index ?? -1) < ($1.node.index, $1.index ?? -1) }
    }

    /// Checks parts that were made without names, such as clusters.
    ///
    /// - Throws: ``Problem`` if a part is the network's output, or has no positions and each position is to be patched.
    package func check(_ parts: [PatchedPart], by places: PatchedPlaces) throws {
        let known = Dictionary(uniqueKeysWithValues: entries.map { ($0.node, $0) })
        for part in parts {
            guard let entry = known[part.node] else { throw isOutput(part.site) }
            if places == .position, !entry.hasPositions {
                throw Problem("site '\(part.site)' has no positions", expected: "the sites of a model of tokens")
            }
        }
    }

    private func isOutput(_ site: String) -> Problem {
        Problem("site '\(site)' is the model's output, after which nothing is left to run")
    }

    private func matches(_ pattern: String, _ granularity: Granularity) throws -> [PatchedPart] {
        if let kind = Kind(rawValue: pattern), !entries.contains(where: { $0.site == pattern }) { return try parts(of: kind, granularity) }
        let glob = GlobPattern(pattern)
        let whole = entries.filter { glob.matches($0.site) || glob.matches(Network.shortened($0.site)) }
        if !whole.isEmpty {
            // What has no heads is left out where others that match have some.
            let headed =
                granularity == .head || granularity == .expert ? whole.filter { $0.heads?.unit.rawValue == granularity.rawValue } : whole
            return try (headed.isEmpty ? whole : headed).flatMap { try cut($0, granularity) }
        }
        if let parts = try numbered(pattern, granularity) { return parts }
        if glob.matches(output) || pattern == Self.logits { throw isOutput(output) }
        if let problem = sentenceProblem, glob.matches("sentence_embed") { throw Problem("there is no site 'sentence_embed': \(problem)") }
        throw Problem("no site matches '\(pattern)'", nearest: nearest(to: pattern))
    }

    private func nearest(to pattern: String) -> [String] {
        let isShort = !pattern.contains("hook_")
        let kinds = isShort ? Kind.allCases.map { ($0.rawValue, $0.rawValue) } : []
        return GlobPattern(pattern).nearest(in: kinds + entries.map { (isShort ? Network.shortened($0.site) : $0.site, $0.site) })
    }

    /// The parts of a pattern that ends in `.NUMBER`, or in a glob of numbers; nil if the part before it is not a site.
    private func numbered(_ pattern: String, _ granularity: Granularity) throws -> [PatchedPart]? {
        guard let dot = pattern.lastIndex(of: ".") else { return nil }
        let (front, number) = (GlobPattern(String(pattern[..<dot])), String(pattern[pattern.index(after: dot)...]))
        guard let first = number.utf8.first, (48...57).contains(first) || first == 42 || first == 91 || first == 63 else { return nil }
        let sites = entries.filter { front.matches($0.site) || front.matches(Network.shortened($0.site)) }
        guard !sites.isEmpty else { return nil }
        let glob = GlobPattern(number)
        var found: [PatchedPart] = []
        for entry in sites {
            let isHead = entry.heads != nil && granularity != .neuron
            found += try cut(entry, isHead ? .auto : .neuron).filter { part in part.index.map { glob.matches("\($0)") } ?? false }
        }
        guard found.isEmpty, let entry = sites.first else { return found }
        let isHead = entry.heads != nil && granularity != .neuron
        throw Problem(
            "site '\(entry.site)' has no \(isHead ? entry.heads?.unit.rawValue ?? "head" : "neuron") \(number)",
            expected: isHead ? entry.heads?.words : "0 to \(entry.neurons - 1)")
    }

    private func parts(of kind: Kind, _ granularity: Granularity) throws -> [PatchedPart] {
        if kind == .neurons, !isSequential {
            guard !neurons.isEmpty else { throw Problem("a single layer has no neurons between input and output") }
            return try entries.filter { neurons.contains($0.node) }
                .flatMap { try cut($0, granularity == .auto ? .neuron : granularity) }
        }
        let nodes = Set(blocks.flatMap(kind.nodes))
        let chosen = entries.filter { nodes.contains($0.node) }
        guard !chosen.isEmpty else {
            if let gap { throw Problem("the model has no '\(kind.rawValue)'", found: gap) }
            throw Problem("the model has no '\(kind.rawValue)'", nearest: Array(entries.map(\.site).prefix(3)))
        }
        let units: Granularity = kind == .neurons && granularity == .auto ? .neuron : granularity
        return try chosen.flatMap { try cut($0, units) }
    }

    private func whole(_ entry: Entry) -> PatchedPart {
        PatchedPart(site: entry.site, node: entry.node, unit: .site, index: nil, neurons: nil)
    }

    private func cut(_ entry: Entry, _ granularity: Granularity) throws -> [PatchedPart] {
        switch granularity {
        case .site: return [whole(entry)]
        case .neuron:
            return (0..<entry.neurons).map {
                PatchedPart(site: entry.site, node: entry.node, unit: .neuron, index: $0, neurons: [$0])
            }
        case .auto where entry.heads == nil: return [whole(entry)]
        case .auto, .head, .expert:
            let unit = granularity == .auto ? entry.heads?.unit : granularity == .head ? .head : .expert
            guard let heads = entry.heads, let unit, heads.unit == unit else {
                throw Problem(
                    "site '\(entry.site)' has no \(granularity == .expert ? "experts" : "heads")",
                    nearest: Array(entries.filter { $0.heads?.unit == unit }.map(\.site).prefix(3)))
            }
            return (0..<heads.count).map {
                PatchedPart(site: entry.site, node: entry.node, unit: unit, index: $0, neurons: heads.neurons(of: $0))
            }
        }
    }
}

extension Problem {
    /// - Parameter nearest: sites that were perhaps meant.
    fileprivate init(_ what: String, nearest: [String]) { self.init(what, hint: nearest.isEmpty ? nil : .nearest(nearest)) }
}
