import Archives
import Circuits
import Text

/// Circuits of weights as text and as rows.
struct CircuitTable {
    /// The classes that have a column: if there are few enough.
    private let classes: [Int]
    private let layers: [String]
    private let hasLabels: Bool
    private let hasBootstrap: Bool

    private static let mostColumns = 100

    init(_ report: CircuitReport) {
        classes = report.heldOut.classes.count <= Self.mostColumns ? report.heldOut.classes.map(\.label) : []
        layers = report.circuits.first?.layers.map(\.layer) ?? []
        hasLabels = report.circuits.contains { $0.label != nil }
        hasBootstrap = report.circuits.contains { $0.bootstrap != nil }
    }

    private static let columns = PrunedCircuit.columns.filter(\.isInTables)

    var header: String {
        TSV.row(Self.columns.map(\.name) + layers.map { "kept_\($0)" } + classes.map { "accuracy_\($0)" })
    }

    func row(_ circuit: PrunedCircuit) -> String {
        let accuracies = Dictionary(circuit.heldOut.classes.map { ($0.label, $0.accuracy) }) { first, _ in first }
        return TSV.row(
            Self.columns.map { $0.value(of: circuit).tsv } + circuit.layers.map { "\($0.kept)" }
                + classes.map { TSV.number(accuracies[$0] ?? nil) })
    }

    /// A row for each kept weight: its tensor, its place there as the index of the first dimension and that within it, and the share of the
    /// resampled circuits that have it.
    static func writeKept(_ circuit: WeightPruning.Circuit, to stream: ResultStream) throws {
        let label = circuit.objective.label.map(String.init) ?? ""
        for (index, layer) in circuit.mask.layers.enumerated() {
            let returned = circuit.returned(layer: index)
            let length = max(1, layer.shape.dropFirst().reduce(1, *))
            let start = label + "\t" + TSV.escaped(layer.name) + "\t"
            for (rank, place) in layer.kept.enumerated() {
                try stream.write(start + "\(place / length)\t\(place % length)\t\(TSV.number(returned?[rank]))\n")
            }
        }
    }

    private static func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "-" }

    func text(_ report: CircuitReport) -> String {
        let provenance = report.provenance
        var text = (provenance.checkpoint?.path ?? "").pathLine + "\n"
        func line(_ label: String, _ value: String) {
            text += LabelledLine.text(label, value, padding: 11)
        }
        line("data", "\(provenance.data), \(ByteText.grouped(report.samples)) samples")
        let judged = ByteText.grouped(report.heldOut.samples) + " samples"
        line("held out", provenance.eval.map { "\($0), \(judged)" } ?? judged)
        line("objective", "\(provenance.objective ?? ""), tolerance \(provenance.tolerance.map(ByteText.shortest) ?? "")")
        if let bootstrap = report.circuits.first?.bootstrap {
            line("bootstrap", "\(ByteText.grouped(bootstrap.resamples)) times, overlap with the circuit of all samples")
        }
        line("intact", "accuracy \(Self.number(report.heldOut.accuracy)), loss \(Self.number(report.heldOut.loss))")
        return text + "\n" + (hasLabels ? labelText(report) : modelText(report)) + "\n" + keptText(report)
    }

    /// The last columns of both tables.
    private var ends: [(String, TextTable.Alignment)] { (hasBootstrap ? [("overlap", .right)] : []) + [("", .left)] }

    private func end(_ circuit: PrunedCircuit) -> [String] {
        (hasBootstrap ? [Self.number(circuit.bootstrap?.overlap)] : []) + [circuit.degenerate ? "degenerate" : ""]
    }

    /// For circuits of labels, how well they distinguish their label from others.
    private func labelText(_ report: CircuitReport) -> String {
        var table = TextTable(
            [
                ("label", .right), ("kept", .right), ("size", .right), ("kl", .right), ("recall", .right), ("random", .right),
                ("alarms", .right),
                ("random", .right), ("accuracy", .right),
            ] + ends)
        for circuit in report.circuits {
            let (judged, control) = (circuit.heldOut, circuit.control)
            table.add(
                [circuit.label.map(String.init) ?? "-", ByteText.grouped(circuit.kept)]
                    + [
                        circuit.size, judged.labelDivergence, judged.recall, control?.recall, judged.falseAlarms, control?.falseAlarms,
                        judged.accuracy,
                    ]
                    .map(Self.number) + end(circuit))
        }
        return table.text(indent: 2)
    }

    /// For the whole model's circuit, how well it answers.
    private func modelText(_ report: CircuitReport) -> String {
        var table = TextTable(
            [
                ("kept", .right), ("size", .right), ("kl", .right), ("random", .right), ("accuracy", .right), ("random", .right),
            ] + ends)
        for circuit in report.circuits {
            let (judged, control) = (circuit.heldOut, circuit.control)
            table.add(
                [ByteText.grouped(circuit.kept)]
                    + [circuit.size, judged.divergence, control?.divergence, judged.accuracy, control?.accuracy].map(Self.number)
                    + end(circuit))
        }
        return table.text(indent: 2)
    }

    /// The kept weights of each layer.
    private func keptText(_ report: CircuitReport) -> String {
        var columns: [(String, TextTable.Alignment)] = [("layer", .left), ("weights", .right)]
        columns += report.circuits.map { ($0.label.map(String.init) ?? "kept", .right) }
        var table = TextTable(columns, keys: 2)
        for (place, layer) in layers.enumerated() {
            table.add(
                [layer, ByteText.grouped(report.circuits.first?.layers[place].weights ?? 0)]
                    + report.circuits.map { ByteText.grouped($0.layers[place].kept) })
        }
        return (hasLabels ? "  kept weights by label\n" : "") + table.text(indent: 2)
    }
}
