import Archives
import Text

/// A circuit of edges as text and as rows.
struct EdgeTable {
    private let report: EdgeReport
    private let path: String

    /// The edges that the text shows.
    private static let shown = 20

    init(_ report: EdgeReport, path: String) {
        self.report = report
        self.path = path
    }

    static var header: String { ScoredEdge.columns.header(after: ["edge"]) }

    static func row(_ edge: ScoredEdge) -> String { ScoredEdge.columns.tsv(edge, after: [edge.name]) }

    private static func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "-" }

    var text: String {
        var text = path.pathLine + "\n"
        func line(_ label: String, _ value: String) {
            text += LabelledLine.text(label, value, padding: 10)
        }
        line("data", "\(report.data), \(ByteText.counted(report.pairs, "pair"))")
        let sizes = [(report.sources, "source"), (report.readers, "reader"), (report.scores.count, "edge")]
        line(
            "graph",
            sizes.map(ByteText.counted).joined(separator: ", ")
                + ", \(ByteText.grouped(report.moving)) of which \(report.moving == 1 ? "moves" : "move") the metric")
        var method = report.method
        if let steps = report.steps { method += ", \(ByteText.counted(steps, "step"))" }
        if let threshold = report.threshold { method += ", threshold \(ByteText.shortest(threshold))" }
        line("method", method + ", \(report.ablation) sources")
        line("metric", "\(report.metric) \(Self.number(report.clean.value)) clean, \(Self.number(report.ablated.value)) ablated")
        let circuit = report.circuits[0].measured
        let dropped = (circuit.chosen ?? 0) - circuit.size
        line(
            "circuit",
            "\(ByteText.counted(circuit.size, "edge")), size \(Self.number(report.circuits[0].effectiveSize))"
                + ", faithfulness \(Self.number(circuit.faithfulness)), divergence \(Self.number(circuit.divergence))")
        if dropped > 0 { line("", "\(ByteText.counted(dropped, "edge")) more that \(dropped == 1 ? "leads" : "lead") nowhere") }
        if let random = report.circuits[0].random {
            line(
                "random",
                "\(ByteText.counted(random.circuits, "circuit")) of as many edges, faithfulness \(Self.number(random.faithfulness.mean))"
                    + (random.faithfulness.sd.map { " ± \(ByteText.rounded($0))" } ?? "") + ", p \(Self.number(random.p))")
        }
        if let area = report.area { line("area", Self.number(area)) }
        if let bootstrap = report.bootstrap {
            line("bootstrap", "\(bootstrap.resamples) times, mean overlap \(Self.number(bootstrap.overlap))")
        }
        return text + "\n" + ladder + classes + "\n" + edges
    }

    /// The most classes that the text shows.
    private static let mostClasses = 100

    private var classes: String {
        guard let classes = report.classes, classes.count <= Self.mostClasses else { return "" }
        var table = TextTable([("label", .right), ("pairs", .right), ("clean_accuracy", .right), ("circuit_accuracy", .right)])
        for found in classes {
            table.add([
                "\(found.label)", ByteText.grouped(found.pairs), Self.number(found.cleanAccuracy), Self.number(found.circuitAccuracy),
            ])
        }
        return "\n" + table.text(indent: 2)
    }

    private var ladder: String {
        let isCompared = report.circuits[0].random != nil
        var table = TextTable(
            [("chosen", .right), ("size", .right), ("value", .right), ("faithfulness", .right)] + (isCompared ? [("random", .right)] : [])
                + [("divergence", .right), ("accuracy", .right)])
        for step in report.ladder {
            let measured = step.measured
            table.add(
                [ByteText.grouped(measured.chosen ?? 0), ByteText.grouped(measured.size)]
                    + ([measured.value, measured.faithfulness] + (isCompared ? [step.random?.faithfulness.mean] : [])
                    + [measured.divergence, measured.accuracy]).map(Self.number))
        }
        return table.text(indent: 2)
    }

    private var edges: String {
        let kept = report.kept
        var columns: [(String, TextTable.Alignment)] = [("edge", .left), ("score", .right)]
        if report.bootstrap != nil { columns.append(("returned", .right)) }
        var table = TextTable(columns)
        for edge in kept.prefix(Self.shown) {
            table.add([edge.name, Self.number(edge.score)] + (report.bootstrap == nil ? [] : [Self.number(edge.returned)]))
        }
        let more = kept.count - Self.shown
        return table.text(indent: 2) + (more > 0 ? "  ... \(ByteText.grouped(more)) more\n" : "")
    }
}
