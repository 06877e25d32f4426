import Circuits
import Interventions

/// A circuit of edges and how it was found, as one json document.
struct EdgeReport: Encodable {
    static let schema = "modinspect.edges/1"

    /// The data as the user named it.
    let data: String
    let method: String
    let granularity: String
    let clusters: String?
    let metric: String
    /// What edges outside a circuit carry.
    let ablation: String
    let steps: Int?
    let threshold: Double?
    let selection: String?
    let pairs: Int
    let sources: Int
    let readers: Int
    /// The edges that move the metric by more than rounding: by a millionth of it.
    let moving: Int
    /// The run with all edges.
    let clean: MeasuredCircuit
    /// The run without edges.
    let ablated: MeasuredCircuit
    /// The circuit that was found: one.
    let circuits: [EdgeCircuit]
    let ladder: [EdgeLadderStep]
    let area: Double?
    /// Accuracy by class if pairs are samples with a class each; otherwise nil.
    let classes: [AnsweredClass]?
    let bootstrap: ResampledCircuit?
    /// Where a node that reads is not the one that writes.
    let links: [EdgeLink]
    /// Every edge of the graph.
    let scores: [ScoredEdge]

    /// The origin of a search's result.
    struct Origin {
        var data: String
        var method: String
        var clusters: String?
        var steps: Int?
        var threshold: Double?
        var selection: String?
    }

    init(_ origin: Origin, _ search: EdgeSearch, _ result: EdgeSearch.Result) {
        let experiment = search.experiment
        let graph = experiment.graph
        data = origin.data
        method = origin.method
        clusters = origin.clusters
        steps = origin.steps
        threshold = origin.threshold
        selection = origin.selection
        granularity = graph.granularity.rawValue
        metric = experiment.metric.rawValue
        ablation = experiment.ablation.rawValue
        pairs = experiment.batches.pairs.count
        sources = graph.sources.count
        readers = graph.readers.count
        let rounding = max(1e-6 * max(abs(result.whole.metric), abs(result.none.metric)), 1e-12)
        moving = result.scores.count { abs($0) > rounding }
        clean = MeasuredCircuit(result.whole, size: graph.edgeCount, faithfulness: nil)
        ablated = MeasuredCircuit(result.none, size: 0, faithfulness: nil)
        ladder = result.ladder.steps.enumerated().map { place, step in
            EdgeLadderStep(
                measured: MeasuredCircuit(step.measures, size: step.edges, chosen: step.chosen, faithfulness: step.faithfulness),
                random: result.random.map { ComparedFaithfulness($0.steps[place]) })
        }
        area = result.area
        classes = result.whole.outcome.map { whole in
            zip(whole.evaluatedClasses([:]), result.circuit.outcome?.evaluatedClasses([:]) ?? []).map {
                AnsweredClass(label: $0.label, pairs: $0.count, cleanAccuracy: $0.accuracy, circuitAccuracy: $1.accuracy)
            }
        }
        bootstrap = result.bootstrap.map(ResampledCircuit.init)
        links = graph.links
        let scores = result.scores.indices.map { edge in
            let ends = graph.ends(of: edge)
            return ScoredEdge(
                source: graph.sources[ends.source].name, target: graph.readers[ends.reader].name, score: result.scores[edge],
                kept: result.kept[edge], returned: result.bootstrap?.returned(edge))
        }
        self.scores = scores
        circuits = [
            EdgeCircuit(
                measured: MeasuredCircuit(
                    result.circuit, size: result.kept.count { $0 }, chosen: result.chosen, faithfulness: result.faithfulness),
                effectiveSize: graph.edgeCount > 0 ? Double(result.kept.count { $0 }) / Double(graph.edgeCount) : nil,
                random: result.random.map { ComparedFaithfulness($0.circuit) },
                edges: scores.enumerated().filter { $0.element.kept }
                    .sorted { (-abs($0.element.score), $0.offset) < (-abs($1.element.score), $1.offset) }.map(\.element))
        ]
    }

    /// The kept edges, the largest score first.
    var kept: [ScoredEdge] { circuits[0].edges }
}

/// The behaviour of a circuit run alone.
struct MeasuredCircuit: Encodable {
    /// The number of selected edges, some of which may lead nowhere; nil if none were selected.
    let chosen: Int?
    /// Those of them that lead from the input to the output.
    let size: Int
    /// The metric, the mean over the pairs.
    let value: Double
    let faithfulness: Double?
    /// From the clean run, in nats.
    let divergence: Double
    let accuracy: Double?

    init(_ measures: CircuitMeasures, size: Int, chosen: Int? = nil, faithfulness: Double?) {
        self.chosen = chosen
        self.size = size
        value = measures.metric
        self.faithfulness = faithfulness
        divergence = measures.divergence
        accuracy = measures.accuracy
    }
}

/// A circuit of the ladder.
struct EdgeLadderStep: Encodable {
    let measured: MeasuredCircuit
    /// nil if there are no random circuits.
    let random: ComparedFaithfulness?

    private enum CodingKeys: String, CodingKey { case random }

    func encode(to encoder: any Encoder) throws {
        try measured.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(random, forKey: .random)
    }
}

/// Random circuits of as many edges.
struct ComparedFaithfulness: Encodable {
    let circuits: Int
    let faithfulness: Spread
    /// (1 + the random circuits that are at least as faithful) / (circuits + 1).
    let p: Double?

    struct Spread: Encodable {
        let mean: Double?
        let sd: Double?
    }

    init(_ random: RandomComparison) {
        circuits = random.samples
        faithfulness = Spread(mean: random.mean, sd: random.standardDeviation)
        p = random.p
    }
}

/// A node that reads, and the nodes that write what comes of it: the heads that share the keys and values of `a0.kv0`, or the attention
/// whose norm combines all heads.
struct EdgeLink: Encodable {
    let node: String
    let writes: [String]

    /// The node of a reader: `a1.h0` of `a1.h0<q>`.
    static func node(_ reader: String) -> String {
        let suffix = ["<q>", "<k>", "<v>"].first { reader.hasSuffix($0) }
        return String(reader.dropLast(suffix?.count ?? 0))
    }
}

extension EdgeGraph {
    /// The nodes whose output other nodes write, in the order of a run.
    fileprivate var links: [EdgeLink] {
        var seen: Set<String> = []
        return readers.compactMap { reader in
            let (node, written) = (EdgeLink.node(reader.name), reader.writes.map { sources[$0].name })
            guard !written.isEmpty, written != [node], seen.insert(node).inserted else { return nil }
            return EdgeLink(node: node, writes: written)
        }
    }
}

/// The accuracy on the clean samples of one class.
struct AnsweredClass: Encodable {
    let label: Int
    let pairs: Int
    let cleanAccuracy: Double?
    /// The accuracy of the circuit run alone.
    let circuitAccuracy: Double?
}

/// A circuit with the edges that it keeps.
struct EdgeCircuit: Encodable {
    let measured: MeasuredCircuit
    /// The effective circuit size: kept edges over all edges.
    let effectiveSize: Double?
    /// nil if there are no random circuits.
    let random: ComparedFaithfulness?
    let edges: [ScoredEdge]

    private enum CodingKeys: String, CodingKey { case effectiveSize, random, edges }

    func encode(to encoder: any Encoder) throws {
        try measured.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(effectiveSize, forKey: .effectiveSize)
        try container.encode(random, forKey: .random)
        try container.encode(edges, forKey: .edges)
    }
}

/// One edge.
struct ScoredEdge: ColumnRow {
    let source: String
    /// The reader.
    let target: String
    let score: Double
    let kept: Bool
    /// The share of resampled circuits that have it; nil without any.
    let returned: Double?

    var name: String { source + "->" + target }

    static let columns: [Column<ScoredEdge>] = [
        .text("source", "The node that writes.") { $0.source },
        .text("target", "The reader.") { $0.target },
        .number("score", "The score, by the method.") { $0.score },
        .flag("kept", "Whether the circuit has the edge.") { $0.kept },
        .number("returned", "The share of resampled circuits that contain it; undefined without any.") { $0.returned },
    ]
}

/// A circuit as a line of jsonl, after the settings of the search.
struct EdgeLine: Encodable {
    private let report: EdgeReport
    private let circuit: EdgeCircuit

    private enum CodingKeys: String, CodingKey {
        case data, method, granularity, metric, ablation, pairs, links
    }

    init(_ report: EdgeReport, _ circuit: EdgeCircuit) {
        self.report = report
        self.circuit = circuit
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(report.data, forKey: .data)
        try container.encode(report.method, forKey: .method)
        try container.encode(report.granularity, forKey: .granularity)
        try container.encode(report.metric, forKey: .metric)
        try container.encode(report.ablation, forKey: .ablation)
        try container.encode(report.pairs, forKey: .pairs)
        try container.encode(report.links, forKey: .links)
        try circuit.encode(to: encoder)
    }
}
