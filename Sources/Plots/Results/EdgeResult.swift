import Pictures

/// A circuit of edges.
struct EdgeResult: DrawnResult {
    struct Edge: Sendable {
        var source: String
        var target: String
        var score: Double?
    }

    /// A circuit of the ladder of sizes.
    struct Step: Sendable {
        var size: Int
        var faithfulness: Double?
        /// Random circuits of as many edges, where the result has them.
        var random: Random?
    }

    /// The faithfulness of random circuits.
    struct Random: Sendable {
        var mean: Double
        /// nil for a single one.
        var sd: Double?
    }

    /// A node that reads, and those that write what comes of it.
    struct Link: Sendable {
        var node: String
        var writes: [String]
    }

    var head = ResultHead()
    var metric: String?
    var granularity: String?
    var ablation: String?
    var pairs: Int?
    /// The edges that the circuit keeps.
    var edges: [Edge] = []
    var size: Int?
    /// How many edges were chosen: those that carry nothing from the input to the output are not kept.
    var chosen: Int?
    var faithfulness: Double?
    /// The number of all edges; nil where the result does not say.
    var total: Int?
    /// The metric of the whole model, and that without edges; nil where the result does not say.
    var clean: Double?
    var ablated: Double?
    var ladder: [Step] = []
    var area: Double?
    var random: Random?
    /// How many random circuits there are of each size.
    var randomCount: Int?
    var links: [Link] = []

    mutating func add(_ record: ResultRow) {
        guard record.has("schema") else { return addRow(record) }
        head = ResultHead(record)
        (metric, granularity, ablation) = (record.text("metric"), record.text("granularity"), record.text("ablation"))
        pairs = record.whole("pairs")
        let circuit = record.rows("circuits").first ?? record
        (size, chosen) = (circuit.whole("size"), circuit.whole("chosen"))
        faithfulness = circuit.number("faithfulness")
        edges = circuit.rows("edges").compactMap(Edge.init)
        (random, randomCount) = (EdgeResult.Random(circuit), circuit.whole("random.circuits"))
        links = record.rows("links").compactMap { link in
            link.text("node").map { Link(node: $0, writes: link.texts("writes") ?? []) }
        }
        total = record.whole("clean.size")
        (clean, ablated) = (record.number("clean.value"), record.number("ablated.value"))
        ladder = record.rows("ladder").compactMap { step in
            step.whole("size").map { Step(size: $0, faithfulness: step.number("faithfulness"), random: Random(step)) }
        }
        area = record.number("area")
    }

    private mutating func addRow(_ row: ResultRow) {
        total = (total ?? 0) + 1
        if row.flag("kept") == true, let edge = Edge(row) { edges.append(edge) }
        size = edges.count
    }
}

extension EdgeResult.Random {
    init?(_ circuit: ResultRow) {
        guard let mean = circuit.number("random.faithfulness.mean") else { return nil }
        self.init(mean: mean, sd: circuit.number("random.faithfulness.sd"))
    }

    var estimate: Estimate { sd.map { Estimate(mean, deviation: $0) } ?? Estimate(mean) }
}

extension EdgeResult.Edge {
    init?(_ row: ResultRow) {
        guard let source = row.text("source"), let target = row.text("target") else { return nil }
        self.init(source: source, target: target, score: row.number("score"))
    }
}
