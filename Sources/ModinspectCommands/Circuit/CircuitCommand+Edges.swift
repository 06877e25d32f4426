import Archives
import Checkpoints
import Circuits
import Evaluation
import Interventions
import Networks
import Text

extension CircuitCommand {
    /// `--method exact`, `eap`, `eap-ig` and `acdc`.
    func findEdges(_ path: String, by method: CircuitMethod, data: String, to target: ReportTarget) throws {
        guard let edgeMethod = edges.method(method) else { return }
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: samples.source(data, seed: computation.seed))
        output.diagnostics.describe(model)
        output.diagnostics.describePairs(of: model)
        var request = EdgeCircuitRequest(
            model, pairs: try self.pairs.values(data, samples, seed: computation.seed), method: edgeMethod)
        (request.granularity, request.metric, request.ablation) = (edges.granularity, edges.metric, edges.ablation)
        request.clusters = try edges.clusterFile.map { try ClusterFile(path: $0).clusters(for: model.catalog) }
        (request.size, request.selection) = (edges.size(method), edges.selection ?? .top)
        (request.resamples, request.controls, request.batchSize) = (bootstrap.resamples, control.circuits ?? 0, batchSize)
        (request.seed, request.threads) = (computation.seed, computation.threadCount)
        let prepared = try request.prepared()
        if !prepared.outside.isEmpty {
            output.diagnostics.note(
                "\(model.checkpoint.path): the clusters of \(prepared.outside.map { "'\($0)'" }.listed(atMost: 3)) are not nodes of the graph"
            )
        }
        let progress = output.progressBar("circuit", total: 1000, unit: "")
        defer { progress.finish() }
        let result = try prepared.run { progress.set(fraction: $0) }
        progress.finish()
        let hash = chosenFormat == .json || chosenFormat == .jsonl ? source.sha256(of: model.checkpoint, output) : nil
        let base = source.base(of: model.checkpoint, output, isHashed: chosenFormat == .json || chosenFormat == .jsonl)
        let report = EdgeReport(
            EdgeReport.Origin(
                data: data, method: method.rawValue, clusters: edges.clusterFile,
                steps: method == .eapIG ? edges.steps ?? EdgeMethod.standardSteps : nil,
                threshold: method == .acdc ? edges.threshold ?? EdgeMethod.standardThreshold : edges.threshold,
                selection: method == .acdc ? nil : request.selection.rawValue), prepared.search, result)
        describe(report, path: path)
        output.diagnostics.note("\(path): the scores took \(ByteText.fixed(result.seconds, digits: 3)) s")
        let head = Provenanced(
            EdgeReport.schema, seed: computation.seed, checkpoint: CheckpointSource(model, sha256: hash, base: base), report)
        switch target {
        case .pictures(let pictures): try pictures.write(head)
        case .stream(let stream): try write(head, prepared.search, to: stream)
        }
    }

    /// A circuit that moves the metric further than the whole model does by more than this is worth a word.
    private static let overshoot = 1.1

    private func describe(_ report: EdgeReport, path: String) {
        let measured = report.circuits[0].measured
        if let faithfulness = measured.faithfulness, faithfulness > Self.overshoot {
            output.diagnostics.warning(
                "\(path): the circuit moves the metric further than the whole model, faithfulness \(ByteText.rounded(faithfulness)): edges outside "
                    + "it work against it; the ladder shows other sizes")
        }
        if measured.size == 0, let chosen = measured.chosen, chosen > 0, report.moving > 0 {
            output.diagnostics.warning(
                "\(path): the circuit is empty: the selected edges (\(ByteText.counted(chosen, "edge"))) lead nowhere")
        }
        if report.moving == 0 {
            output.diagnostics.warning("\(path): no edge moves the metric: the circuit is meaningless")
        } else if measured.faithfulness == nil {
            output.diagnostics.warning(
                "\(path): the metric does not move between the clean and the ablated run: \(ByteText.shortest(report.clean.value)) and "
                    + "\(ByteText.shortest(report.ablated.value)); faithfulness is undefined")
        }
    }

    private func write(_ head: Provenanced<EdgeReport>, _ search: EdgeSearch, to stream: ResultStream) throws {
        let report = head.result
        switch chosenFormat {
        case .svg: break
        case .text: try stream.write(EdgeTable(report, path: head.checkpoint?.path ?? "").text)
        case .tsv:
            try stream.write(EdgeTable.header)
            for edge in isKept ? report.kept : report.scores { try stream.write(EdgeTable.row(edge)) }
        case .json: try ReportEncoder.write(head, isIndented: true, to: stream)
        case .jsonl:
            for circuit in report.circuits {
                let line = Provenanced(head.schema, seed: head.seed, checkpoint: head.checkpoint, EdgeLine(report, circuit))
                try stream.write(try ReportEncoder.bytes(of: line, isIndented: false))
            }
        case .dot:
            // The scores of discovery are damages; others are changes of the metric without the edge.
            let metric = search.experiment.metric
            // An edge works against the behaviour where removing it does not do what removing all edges does.
            let whole = metric.damage(from: report.clean.value, to: report.ablated.value) < 0 ? -1.0 : 1
            let picture = EdgePicture(report.scores.filter(\.kept), links: report.links) { score in
                (method == .acdc ? score : metric.damage(from: 0, to: score)) * whole < 0
            }
            try stream.write(picture.text)
        }
        try stream.finish()
    }
}
