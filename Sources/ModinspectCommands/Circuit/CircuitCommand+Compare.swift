import ArgumentParser
import Circuits

extension CircuitCommand {
    /// `--compare`.
    func compare(to stream: ResultStream) throws {
        var inputs: [CircuitFile] = []
        let run = CheckpointRun(diagnostics: output.diagnostics)
        try run.forEach(files) { inputs.append(try CircuitFile(path: $0)) }
        try run.end()
        if let first = inputs.first, let kind = first.circuits.first?.kind,
            let other = inputs.first(where: { $0.circuits.contains { $0.kind != kind } })
        {
            throw LocatedError(description: "\(other.path): holds circuits of another kind, expected \(kind.rawValue) as \(first.path)")
        }
        try checkShapes(inputs)
        let total = inputs.reduce(0) { $0 + $1.circuits.count }
        guard (2...Self.mostCompared).contains(total) else {
            throw LocatedError(
                description:
                    "\(files.joined(separator: ", ")): cannot be compared, expected 2 to \(Self.mostCompared) circuits, found \(total)")
        }
        let report = CircuitComparisonReport(inputs) { file in
            chosenFormat.hasProvenance ? source.sha256(of: [file.content], output) : nil
        }
        switch chosenFormat {
        case .text: try stream.write(CircuitComparisonTable.text(report))
        case .tsv: try stream.write(CircuitComparisonTable.header + report.pairs.map(CircuitComparisonTable.row).joined())
        case .json:
            try stream.write(
                try ReportEncoder.bytes(
                    of: Provenanced(CircuitComparisonReport.schema, seed: nil, report), isIndented: true))
        case .jsonl:
            for pair in report.pairs {
                let line = Provenanced(CircuitComparisonReport.schema, seed: nil, pair)
                try stream.write(try ReportEncoder.bytes(of: line, isIndented: false))
            }
        case .dot: preconditionFailure("circuits are not compared in dot")
        }
        try stream.finish()
    }

    /// Places in tensors of other shapes are other weights, and edges of another graph other edges.
    private func checkShapes(_ inputs: [CircuitFile]) throws {
        var known: [String: (shape: [Int], path: String)] = [:]
        var graph: (edges: Int, path: String)?
        for file in inputs {
            for edges in file.circuits.filter({ $0.kind == .edges }).compactMap(\.available) {
                if let graph, graph.edges != edges {
                    throw CircuitFileError(
                        path: file.path, problem: "holds circuits of another graph than \(graph.path)", expected: "\(graph.edges) edges",
                        found: "\(edges)")
                }
                graph = (edges, file.path)
            }
            for (name, shape) in file.circuits.flatMap({ $0.shapes.sorted { $0.key < $1.key } }) {
                guard let other = known[name] else {
                    known[name] = (shape, file.path)
                    continue
                }
                if other.shape != shape {
                    throw CircuitFileError(
                        path: file.path, problem: "tensor '\(name)': has another shape than in \(other.path)",
                        expected: InfoText.shape(other.shape), found: InfoText.shape(shape))
                }
            }
        }
    }

    /// The circuits that are compared at once: every one is compared with every other.
    private static var mostCompared: Int { 1000 }
}
