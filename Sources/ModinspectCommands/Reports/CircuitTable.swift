import Archives
import Circuits

/// Circuits of weights for eyes, and as rows.
struct CircuitTable {
    /// The classes that have a column: where there are few enough.
    private let classes: [Int]
    private let layers: [String]
    private let hasLabels: Bool

    private static let mostColumns = 100

    init(_ report: CircuitReport) {
        classes = report.heldOut.classes.count <= Self.mostColumns ? report.heldOut.classes.map(\.label) : []
        layers = report.circuits.first?.layers.map(\.layer) ?? []
        hasLabels = report.circuits.contains { $0.label != nil }
    }

    var header: String {
        TSV.row(
            [
                "label", "samples", "kept", "weights", "size", "intact_loss", "loss", "degenerate", "accuracy", "divergence",
                "label_divergence", "recall", "false_alarms", "common_answer", "common_share", "control_accuracy", "control_divergence",
                "control_label_divergence", "control_recall", "control_false_alarms",
            ] + layers.map { "kept_\($0)" } + classes.map { "accuracy_\($0)" })
    }

    func row(_ circuit: PrunedCircuit) -> String {
        let (judged, control) = (circuit.heldOut, circuit.control)
        var fields = [circuit.label.map(String.init) ?? "-", "\(circuit.samples)", "\(circuit.kept)", "\(circuit.weights)"]
        fields += [circuit.size, circuit.intactLoss, circuit.loss].map(TSV.number)
        fields.append(circuit.degenerate ? "1" : "0")
        fields += [judged.accuracy, judged.divergence, judged.labelDivergence, judged.recall, judged.falseAlarms].map(TSV.number)
        fields += ["\(judged.commonAnswer)", TSV.number(judged.commonShare)]
        fields += [control?.accuracy, control?.divergence, control?.labelDivergence, control?.recall, control?.falseAlarms].map(TSV.number)
        fields += circuit.layers.map { "\($0.kept)" }
        let accuracies = Dictionary(judged.classes.map { ($0.label, $0.accuracy) }) { first, _ in first }
        fields += classes.map { TSV.number(accuracies[$0] ?? nil) }
        return TSV.row(fields)
    }

    static let keptHeader = TSV.row(["label", "layer", "row", "element"])

    /// A row for each kept weight: its tensor, and its place there as the index of the first dimension and that within it.
    static func writeKept(_ circuit: WeightPruning.Circuit, to stream: ResultStream) throws {
        let label = circuit.objective.label.map(String.init) ?? "-"
        for layer in circuit.mask.layers {
            let length = max(1, layer.shape.dropFirst().reduce(1, *))
            let start = label + "\t" + TSV.escaped(layer.name) + "\t"
            for place in layer.kept { try stream.write(start + "\(place / length)\t\(place % length)\n") }
        }
    }

    private static func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "-" }

    func text(_ report: CircuitReport) -> String {
        let provenance = report.provenance
        var text = provenance.checkpoint.path.singleLine + "\n"
        func line(_ label: String, _ value: String) {
            text += "  " + label + String(repeating: " ", count: 11 - label.count) + value.singleLine + "\n"
        }
        line("data", "\(provenance.data), \(ByteText.grouped(report.samples)) samples")
        let judged = ByteText.grouped(report.heldOut.samples) + " samples"
        line("held out", provenance.eval.map { "\($0), \(judged)" } ?? judged)
        line("objective", "\(provenance.objective ?? ""), tolerance \(provenance.tolerance.map(ByteText.shortest) ?? "")")
        line("intact", "accuracy \(Self.number(report.heldOut.accuracy)), loss \(Self.number(report.heldOut.loss))")
        return text + "\n" + (hasLabels ? labelText(report) : modelText(report)) + "\n" + keptText(report)
    }

    /// Of circuits for labels, how well they tell their label from others.
    private func labelText(_ report: CircuitReport) -> String {
        var table = TextTable([
            ("label", .right), ("kept", .right), ("size", .right), ("divergence", .right), ("recall", .right), ("false alarms", .right),
            ("accuracy", .right), ("random recall", .right), ("random false alarms", .right), ("", .left),
        ])
        for circuit in report.circuits {
            let (judged, control) = (circuit.heldOut, circuit.control)
            table.add(
                [circuit.label.map(String.init) ?? "-", ByteText.grouped(circuit.kept)]
                    + [circuit.size, judged.labelDivergence, judged.recall, judged.falseAlarms, judged.accuracy, control?.recall, control?.falseAlarms]
                    .map(Self.number) + [circuit.degenerate ? "degenerate" : ""])
        }
        return table.text(indent: 2)
    }

    /// Of the whole model's circuit, how well it answers.
    private func modelText(_ report: CircuitReport) -> String {
        var table = TextTable([
            ("kept", .right), ("size", .right), ("divergence", .right), ("accuracy", .right), ("random divergence", .right),
            ("random accuracy", .right), ("", .left),
        ])
        for circuit in report.circuits {
            let (judged, control) = (circuit.heldOut, circuit.control)
            table.add(
                [ByteText.grouped(circuit.kept)]
                    + [circuit.size, judged.divergence, judged.accuracy, control?.divergence, control?.accuracy].map(Self.number)
                    + [circuit.degenerate ? "degenerate" : ""])
        }
        return table.text(indent: 2)
    }

    /// The kept weights of each layer.
    private func keptText(_ report: CircuitReport) -> String {
        var columns: [(String, TextTable.Alignment)] = [("layer", .left), ("weights", .right)]
        columns += report.circuits.map { ($0.label.map { "kept for \($0)" } ?? "kept", .right) }
        var table = TextTable(columns)
        for (place, layer) in layers.enumerated() {
            table.add(
                [layer, ByteText.grouped(report.circuits.first?.layers[place].weights ?? 0)]
                    + report.circuits.map { ByteText.grouped($0.layers[place].kept) })
        }
        return table.text(indent: 2)
    }
}
