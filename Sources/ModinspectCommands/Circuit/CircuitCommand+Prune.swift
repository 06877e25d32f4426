import ArgumentParser
import Checkpoints
import Circuits
import Datasets
import Networks
import Evaluation
import Text

extension CircuitCommand {
    /// `--method prune`.
    func findWeights(_ path: String, data: String, to target: ReportTarget) throws {
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: samples.source(data, seed: computation.seed))
        output.diagnostics.describe(model)
        let prepared = try weightRequest(model, data: data).prepared()
        output.diagnostics.describe(prepared.batches.dataset)
        let masks = try prune.masks.map { try MaskWriter($0) }
        let samples = prepared.batches.dataset.count
        output.diagnostics.announce(
            "\(path): \(ByteText.counted(prepared.weightCount, "weight")) are tried on \(ByteText.counted(samples, "sample"))",
            share: Double(prepared.weightCount) * Double(samples) / 1e8)
        let progress = output.progressBar("circuit", total: 1000, unit: "")
        defer { progress.finish() }
        let start = Progress.now()
        let result = try prepared.run { progress.set(fraction: $0) }
        progress.finish()
        let report = CircuitReport(
            provenance: Provenanced(
                CircuitSetting.schema, seed: computation.seed,
                checkpoint: CheckpointSource(
                    model, sha256: chosenFormat.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil,
                    base: source.base(of: model.checkpoint, output, isHashed: chosenFormat.hasProvenance)),
                CircuitSetting(
                    data: data, eval: heldOut.data, method: CircuitMethod.prune.rawValue, objective: prune.chosenObjective.rawValue,
                    tolerance: prune.chosenTolerance, precision: result.precision.rawValue)),
            samples: samples, heldOut: JudgedCircuit(result.intact, classes: true),
            circuits: result.circuits.map(PrunedCircuit.init))
        output.diagnostics.describe(result.intact.outcome, path: path)
        warn(of: report, path: path)
        output.diagnostics.note("\(path): pruning took \(ByteText.fixed(Progress.now() - start, digits: 3)) s")
        try masks?.write(result.circuits)
        switch target {
        case .pictures(let pictures): try pictures.write(report)
        case .stream(let stream): try write(report, result, to: stream)
        }
    }

    private func weightRequest(_ model: LoadedModel, data: String) -> WeightCircuitRequest {
        var request = WeightCircuitRequest(model, data: samples.source(data, seed: computation.seed))
        if let path = heldOut.data {
            var source = samples.source(path, seed: computation.seed)
            (source.labels, source.limit) = (heldOut.labels, nil)
            request.heldOut = .data(source)
        } else if let share = heldOut.share {
            request.heldOut = .share(share)
        }
        request.layers = prune.lists.flatMap(GlobList.split)
        (request.objective, request.subjects, request.tolerance) = (prune.chosenObjective, prune.subjects, prune.tolerance)
        if let controls = control.circuits { request.controls = controls }
        (request.resamples, request.batchSize) = (bootstrap.resamples, batchSize)
        (request.seed, request.threads) = (computation.seed, computation.threadCount)
        return request
    }

    private func warn(of report: CircuitReport, path: String) {
        let degenerate = report.circuits.filter(\.degenerate)
        guard let circuit = degenerate.first else { return }
        let name = circuit.label.map { "the circuit for label \($0)" } ?? "the circuit"
        let share = ByteText.fixed(circuit.heldOut.commonShare * 100, digits: 1)
        let others = degenerate.dropFirst().compactMap(\.label).map(String.init)
        output.diagnostics.warning(
            "\(path): \(name) is degenerate: it answers \(circuit.heldOut.commonAnswer) to \(share)% of the held-out samples"
                + (others.isEmpty ? "" : "; so are \(others.count) more: " + others.listed()))
    }

    private func write(_ report: CircuitReport, _ result: WeightPruning.Result, to stream: ResultStream) throws {
        switch chosenFormat {
        case .text: try stream.write(CircuitTable(report).text(report))
        case .tsv:
            if isKept {
                try stream.write(KeptWeight.columns.header())
                for circuit in result.circuits { try CircuitTable.writeKept(circuit, to: stream) }
            } else {
                let table = CircuitTable(report)
                try stream.write(table.header)
                for circuit in report.circuits { try stream.write(table.row(circuit)) }
            }
        case .json: try ReportEncoder.write(report, isIndented: true, to: stream)
        case .jsonl:
            for circuit in report.circuits {
                try stream.write(try ReportEncoder.bytes(of: Joined(report.provenance, circuit), isIndented: false))
            }
        case .dot, .svg: break
        }
        try stream.finish()
    }
}
