import Archives
import Text

/// The outcome of `ablate` as text and as rows.
struct AblateTable {
    let hasControl: Bool
    /// The classes that have a column: those that answers are counted by, if there are few enough.
    let classes: [EvaluatedClass]

    /// More classes than this have no columns.
    private static let mostColumns = 100
    /// More classes than this are not shown to eyes.
    private static let mostShown = 10
    /// A longer name of a class is cut in tables for eyes.
    private static let longestName = 16

    init(_ report: AblateReport, hasControl: Bool) {
        self.hasControl = hasControl
        classes = report.intact.classes.count <= Self.mostColumns ? report.intact.classes : []
    }

    private var columns: [Column<AblatedRow>] { AblatedRow.columns.filter { hasControl || $0.path[0] != "control" } }

    /// The columns before the classes' accuracies, and those after them.
    private var parts: (before: [Column<AblatedRow>], after: [Column<AblatedRow>]) {
        (columns.filter { $0.path[0] != "control" }, columns.filter { $0.isInTables && $0.path[0] == "control" })
    }

    var header: String {
        TSV.row(
            parts.before.filter(\.isInTables).map(\.name) + classes.map { "accuracy_\($0.shownName)" } + parts.after.map(\.name))
    }

    func row(_ row: AblatedRow) -> String {
        let accuracies = Dictionary(row.classes.map { ($0.label, $0.accuracy) }, uniquingKeysWith: { first, _ in first })
        return TSV.row(
            parts.before.filter(\.isInTables).map { $0.value(of: row).tsv } + classes.map { TSV.number(accuracies[$0.label] ?? nil) }
                + parts.after.map { $0.value(of: row).tsv })
    }

    /// The table of dependence counts: a row for each number of clusters.
    static func dependence(_ layers: [AblatedLayerReport]) -> String {
        var text = TSV.row(["layer", "intervention", "clusters", "answers"])
        for layer in layers {
            for (kind, counts) in [("off", layer.dependence.off), ("on", layer.dependence.on)] {
                for (clusters, count) in counts.enumerated() { text += TSV.row([layer.layer, kind, "\(clusters)", "\(count)"]) }
            }
        }
        return text
    }

    private static func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "nan" }

    func text(_ report: AblateReport) -> String {
        let provenance = report.provenance
        var text = (provenance.checkpoint?.path ?? "").pathLine + "\n"
        func line(_ label: String, _ value: String) {
            text += LabelledLine.text(label, value, padding: 10)
        }
        line("data", "\(provenance.data), \(ByteText.grouped(report.samples)) samples")
        line("switched", provenance.reading == "weights" ? "weights, set to zero" : "activations, filled with \(provenance.fill)")
        let loss = "loss \(Self.number(report.intact.loss))"
        line("intact", report.hasAccuracy ? "accuracy \(Self.number(report.intact.accuracy)), \(loss)" : loss)
        for layer in report.layers { text += "\n" + self.text(layer, intact: report.intact, hasAccuracy: report.hasAccuracy) }
        return text
    }

    private func text(_ layer: AblatedLayerReport, intact: AblatedOutcome, hasAccuracy: Bool) -> String {
        var text = LabelledLine.sentence("\(layer.layer), \(layer.k) \(layer.k == 1 ? "cluster" : "clusters")", indent: 2)
        var columns: [(String, TextTable.Alignment)] = [
            ("intervention", .left), ("cluster", .right), ("neurons", .right), ("relative_change", .right),
        ]
        if hasAccuracy { columns.append(("accuracy", .right)) }
        columns.append(("loss", .right))
        let judged = classes.isEmpty ? "loss" : "accuracy"
        if hasControl { columns += ["mean", "sd", "p"].map { ("control_\(judged)_\($0)", .right) } }
        var table = TextTable(columns, keys: 2)
        func outcome(_ accuracy: Double?, _ loss: Double?) -> [String] { (hasAccuracy ? [accuracy, loss] : [loss]).map(Self.number) }
        table.add(["intact", "", "", ""] + outcome(intact.accuracy, intact.loss) + (hasControl ? ["", "", ""] : []))
        for row in layer.interventions {
            var fields = [row.intervention, row.cluster.map(String.init) ?? "", "\(row.neurons)"]
            fields +=
                row.moved
                ? [Self.number(row.relativeChange)] + outcome(row.accuracy, row.loss) : ["none", "-"] + (hasAccuracy ? ["-"] : [])
            if hasControl {
                let control = classes.isEmpty ? row.control?.loss : row.control?.accuracy
                fields += [control?.mean, control?.standardDeviation, control?.p].map { row.moved ? Self.number($0) : "-" }
            }
            table.add(fields)
        }
        text += table.text(indent: 4)
        if !classes.isEmpty, classes.count <= Self.mostShown {
            text += "\n    accuracy by class\n" + classText(layer, intact: intact)
        }
        if !hasAccuracy { return text }
        text += "\n" + LabelledLine.sentence("right answers of the intact model, by how many clusters' switches spoil them", indent: 4)
        var dependence = TextTable([("intervention", .left)] + (0...layer.k).map { ("\($0)", .right) })
        for (kind, counts) in [("off", layer.dependence.off), ("on", layer.dependence.on)] {
            dependence.add([kind] + counts.map(ByteText.grouped))
        }
        return text + dependence.text(indent: 4)
    }

    private func classText(_ layer: AblatedLayerReport, intact: AblatedOutcome) -> String {
        var table = TextTable(
            [("intervention", .left), ("cluster", .right)]
                + classes.map { ($0.shownName.singleLine.shortened(to: Self.longestName), .right) }, keys: 2)
        func accuracies(_ found: [EvaluatedClass]) -> [String] {
            classes.map { wanted in
                found.first { $0.label == wanted.label }?.accuracy.map { ByteText.fixed($0, digits: 2) } ?? "-"
            }
        }
        table.add(["intact", ""] + accuracies(intact.classes))
        for row in layer.interventions {
            table.add([row.intervention, row.cluster.map(String.init) ?? ""] + accuracies(row.classes))
        }
        return table.text(indent: 4)
    }
}
