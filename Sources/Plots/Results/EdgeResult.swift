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
    }

    var head = ResultHead()
    var metric: String?
    var granularity: String?
    var ablation: String?
    var pairs: Int?
    /// The edges that the circuit keeps.
    var edges: [Edge] = []
    var size: Int?
    var faithfulness: Double?
    /// The number of all edges; nil where the result does not say.
    var total: Int?
    var ladder: [Step] = []
    var area: Double?
    /// Random circuits of as many edges, where the result has them.
    var random: (mean: Double, sd: Double)?

    mutating func add(_ record: ResultRow) {
        guard record.has("schema") else { return addRow(record) }
        head = ResultHead(record)
        (metric, granularity, ablation) = (record.text("metric"), record.text("granularity"), record.text("ablation"))
        pairs = record.whole("pairs")
        let circuit = record.rows("circuits").first ?? record
        size = circuit.whole("size")
        faithfulness = circuit.number("faithfulness")
        edges = circuit.rows("edges").compactMap(Edge.init)
        if let mean = circuit.number("random.faithfulness.mean"), let sd = circuit.number("random.faithfulness.sd") { random = (mean, sd) }
        total = record.whole("clean.size")
        ladder = record.rows("ladder").compactMap { step in
            step.whole("size").map { Step(size: $0, faithfulness: step.number("faithfulness")) }
        }
        area = record.number("area")
    }

    private mutating func addRow(_ row: ResultRow) {
        total = (total ?? 0) + 1
        if row.flag("kept") == true, let edge = Edge(row) { edges.append(edge) }
        size = edges.count
    }
}

extension EdgeResult.Edge {
    init?(_ row: ResultRow) {
        guard let source = row.text("source"), let target = row.text("target") else { return nil }
        self.init(source: source, target: target, score: row.number("score"))
    }
}
