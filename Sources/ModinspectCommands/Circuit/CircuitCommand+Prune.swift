import ArgumentParser
import Checkpoints
import Circuits
import Datasets
import Evaluation
import Tensors
import Text

extension CircuitCommand {
    /// `--method prune`.
    func findWeights(_ path: String, data: String, to stream: ResultStream) throws {
        let model = try LoadedModel(source.open(path, output.diagnostics), architecture: architecture.architecture)
        model.describe(output.diagnostics)
        let layers = try prunedLayers(of: model)
        try model.checkMemory()
        let parts = try parts(of: model, data: data)
        let batches = try SampleBatches(parts.found, for: model.network, batchSize: batchSize)
        let judged = try SampleBatches(parts.judged, for: model.network, batchSize: batchSize)
        let masks = try prune.masks.map { try MaskWriter($0) }
        let pruning = WeightPruning(
            objectives: prune.objectives(labels: try WeightPruning.labels(of: batches)), tolerance: prune.chosenTolerance,
            controls: prune.chosenControls, resamples: bootstrap.resamples, seed: computation.seed)
        let weights = layers.reduce(0) { $0 + $1.outNeurons * $1.inNeurons } * max(pruning.objectives.count, 1)
        output.diagnostics.announce(
            "\(path): \(ByteText.counted(weights, "weight")) are tried on \(ByteText.counted(parts.found.count, "sample"))",
            share: Double(weights) * Double(parts.found.count) / 1e8)
        let progress = output.progressBar("circuit", total: 1000, unit: "")
        defer { progress.finish() }
        let done = SharedFraction()
        let start = Progress.now()
        let result = try pruning.run(layers, on: batches, heldOut: judged, threads: computation.threadCount) { share in
            progress.set(fraction: done.add(share))
        }
        progress.finish()
        let report = CircuitReport(
            provenance: Provenanced(
                CircuitSetting.schema, seed: computation.seed,
                checkpoint: CheckpointSource(
                    model, sha256: chosenFormat.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil),
                CircuitSetting(
                    data: data, eval: heldOut.data, method: CircuitMethod.prune.rawValue, objective: prune.chosenObjective.rawValue,
                    tolerance: prune.chosenTolerance, precision: result.precision.rawValue)),
            samples: parts.found.count, heldOut: JudgedCircuit(result.intact, classes: true),
            circuits: result.circuits.map(PrunedCircuit.init))
        output.diagnostics.describe(result.intact.outcome, path: path)
        warn(of: report, path: path)
        output.diagnostics.note("\(path): pruning took \(ByteText.fixed(Progress.now() - start, digits: 3)) s")
        try masks?.write(result.circuits)
        try write(report, result, to: stream)
    }

    /// The layers that --layers names, in the model's order.
    private func prunedLayers(of model: LoadedModel) throws -> [Layer] {
        let patterns = prune.lists.flatMap(GlobList.split)
        if patterns.isEmpty, model.architecture != nil { return model.catalog.weightMatrices }
        do {
            return try model.catalog.select(patterns)
        } catch {
            throw Problem(path: model.checkpoint.path, problem: error.description)
        }
    }

    /// The data that circuits are looked for with, and those that they are judged by.
    private func parts(of model: LoadedModel, data: String) throws -> (found: Dataset, judged: Dataset) {
        let all = try model.dataset(data, samples, seed: computation.seed)
        if let path = heldOut.data {
            var options = samples
            options.labels = heldOut.labels
            options.limit = nil
            return (all, try model.dataset(path, options, seed: computation.seed))
        }
        // Before they are parted: what is wrong with a sample is said with its place in the data.
        _ = try DataFit(model.network, all)
        let split = HeldOutSplit(count: all.count, share: heldOut.chosenShare, seed: computation.seed)
        guard !split.found.isEmpty, !split.judged.isEmpty else {
            throw Problem(
                data, "has too few samples to judge circuits by some of them", expected: "at least 2", found: "\(all.count)",
                hint: "--eval DATA brings others")
        }
        return (all.selecting(split.found), all.selecting(split.judged))
    }

    private func warn(of report: CircuitReport, path: String) {
        let degenerate = report.circuits.filter(\.degenerate)
        guard let circuit = degenerate.first else { return }
        let name = circuit.label.map { "the circuit for label \($0)" } ?? "the circuit"
        let share = ByteText.fixed(circuit.heldOut.commonShare * 100, digits: 1)
        let others = degenerate.dropFirst().compactMap(\.label).map(String.init)
        output.diagnostics.warning(
            "\(path): \(name) is degenerate: it answers \(circuit.heldOut.commonAnswer) to \(share)% of the held-out samples"
                + (others.isEmpty ? "" : "; so are \(others.count) more: " + Diagnostics.listed(others, limit: 10)))
    }

    private func write(_ report: CircuitReport, _ result: WeightPruning.Result, to stream: ResultStream) throws {
        switch chosenFormat {
        case .text: try stream.write(CircuitTable(report).text(report))
        case .tsv:
            if isKept {
                try stream.write(CircuitTable.keptHeader)
                for circuit in result.circuits { try CircuitTable.writeKept(circuit, to: stream) }
            } else {
                let table = CircuitTable(report)
                try stream.write(table.header)
                for circuit in report.circuits { try stream.write(table.row(circuit)) }
            }
        case .json: try stream.write(try ReportEncoder.bytes(of: report, isIndented: true))
        case .jsonl:
            for circuit in report.circuits {
                try stream.write(try ReportEncoder.bytes(of: Joined(report.provenance, circuit), isIndented: false))
            }
        case .dot: break
        }
        try stream.finish()
    }
}
