import ArgumentParser
import Circuits
import Text

extension CircuitCommand {
    /// `--compare`.
    func compare(to target: ReportTarget) throws {
        var inputs: [CircuitFile] = []
        var failed: [FailedCheckpoint] = []
        let run = CheckpointRun(diagnostics: output.diagnostics)
        for path in files {
            let file = try run.attempt(
                path, { try CircuitFile(path: path) }, failed: { failed.append(FailedCheckpoint(path: path, $0)) })
            if let file { inputs.append(file) }
        }
        let total = inputs.reduce(0) { $0 + $1.circuits.count }
        // Of what is left there may be nothing to compare, which the failures explain.
        if total < 2 { try run.end(of: files.count, called: "files") }
        let comparison: CircuitComparison
        do {
            comparison = try CircuitComparisonRequest(inputs.map { CircuitCollection(path: $0.path, $0.circuits) }).run()
        } catch let problem as Problem {
            throw problem.at(path: files.listed(atMost: 3))
        }
        let hashes = inputs.map { chosenFormat.hasProvenance ? source.sha256(of: [$0.content], output) : nil }
        let report = CircuitComparisonReport(comparison, sha256: hashes, failed: failed)
        switch target {
        case .pictures(let pictures): try pictures.write(Provenanced(CircuitComparisonReport.schema, seed: nil, report))
        case .stream(let stream): try write(report, failed, to: stream)
        }
        try run.end(of: files.count, called: "files")
    }

    private func write(_ report: CircuitComparisonReport, _ failed: [FailedCheckpoint], to stream: ResultStream) throws {
        switch chosenFormat {
        case .text: try stream.write(CircuitComparisonTable.text(report))
        case .tsv:
            try stream.write(
                CircuitComparisonTable.header + report.pairs.map(CircuitComparisonTable.row).joined()
                    + failed.map(CircuitComparisonTable.row).joined())
        case .json:
            try stream.write(
                try ReportEncoder.bytes(
                    of: Provenanced(CircuitComparisonReport.schema, seed: nil, report), isIndented: true))
        case .jsonl:
            for pair in report.pairs {
                let line = Provenanced(CircuitComparisonReport.schema, seed: nil, pair)
                try stream.write(try ReportEncoder.bytes(of: line, isIndented: false))
            }
            for file in failed {
                let line = Provenanced(CircuitComparisonReport.schema, seed: nil, file)
                try stream.write(try ReportEncoder.bytes(of: line, isIndented: false))
            }
        case .dot, .svg: preconditionFailure("circuits are not compared in \(chosenFormat.rawValue) here")
        }
        try stream.finish()
    }
}
