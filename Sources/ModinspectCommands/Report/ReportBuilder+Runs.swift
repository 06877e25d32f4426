import Datasets
import Evaluation
import Interventions
import Modularity
import Networks
import Pages
import Pictures
import Plots
import Scoring
import Text

extension ReportBuilder {
    private func dataset(_ data: String) -> DatasetSource { options.samples.source(data, seed: seed) }

    // MARK: - Evaluation

    func evaluation(_ data: String) throws -> [PageBlock] {
        let model = try model()
        let batches = try model.batches(dataset(data), batchSize: options.batchSize)
        let dataset = batches.dataset
        guard dataset.targets.areKnown else { throw Problem(data, "has no answers to compare with", hint: .giveAnswers) }
        let progress = options.output.progressBar("eval", total: dataset.count, unit: "samples")
        defer { progress.finish() }
        var experts: ExpertUse?
        let outcome = try Evaluator(batches, threads: threads).evaluate(
            logits: nil, experts: { experts = $0 }, progress: { progress.advance(by: $0) })
        progress.finish()
        diagnostics.describe(outcome, path: path)
        diagnostics.describe(dataset)
        let isRunningText = dataset.task == .nextToken
        let hasRightAnswers = dataset.task?.hasRightAnswers ?? true
        let found = EvaluatedCheckpoint(
            model, sha256: sha256, base: base, dataset, outcome, experts: experts)
        let report = Provenanced(EvalReport.schema, seed: seed, EvalReport(data: data, checkpoints: [.ok(found)]))
        let things = isRunningText ? "token" : "answer"
        var sentence: [PageText] = [
            .plain(
                hasRightAnswers
                    ? "It gets \(ByteText.grouped(found.correct)) of \(ByteText.counted(found.answers, things)) right"
                    : "It is compared with numbers"),
            .plain(Self.percent(found.accuracy).map { ", \($0)" } ?? ""),
            .plain(
                found.loss.map(\.isNaN) == true
                    ? "; the loss is not a number, because weights or data hold NaN or infinite numbers"
                    : hasRightAnswers
                        ? "; the loss is \(Self.rounded(found.loss)) nats" : "; the mean squared error is \(Self.rounded(found.loss))"),
            .plain(found.perplexity.flatMap { $0.isNaN ? nil : ", the perplexity \(NumberText.fixed($0, digits: 2))." } ?? "."),
        ]
        summary.append(sentence)
        sentence += [" The data are ", .name(data), .plain(", \(ByteText.counted(found.samples, "sample")).")]
        var blocks: [PageBlock] = [.paragraph(sentence)]
        if let worst = found.classes.filter({ $0.accuracy != nil }).min(by: { ($0.accuracy ?? 1) < ($1.accuracy ?? 1) }),
            found.classes.count > 1, !isRunningText
        {
            blocks.append(
                .paragraph([
                    .plain(
                        "Class \(worst.shownName.singleLine) is the hardest: \(Self.percent(worst.accuracy) ?? "") of \(worst.count) are right."
                    )
                ]))
        }
        let hasNames = found.classes.contains { $0.name != nil }
        var table = PageTable("Accuracy by class", EvaluatedClass.columns.filter { hasNames || $0.name != "name" }, found.classes)
        table.rows.insert(
            [.text("all"), .init(found.answers), .init(found.correct), .init(found.accuracy), .init(found.loss)]
                + (hasNames ? [.text("")] : []), at: 0)
        for figure in try figures(of: report) {
            blocks.append(
                .figure(
                    PageFigure(
                        figure.drawing(width: Self.figureWidth),
                        caption: [
                            .plain(found.classes.isEmpty ? "How well the model predicts." : "Accuracy by the class of the right answer.")
                        ],
                        commands: [commands.eval(data)], tables: found.classes.isEmpty ? [] : [table])))
        }
        return blocks + Self.experts(found.experts ?? [])
    }

    /// What the routers chose: a sentence for each block, then the table of experts, and that of experts by class.
    private static func experts(_ rows: [ExpertRow]) -> [PageBlock] {
        guard !rows.isEmpty else { return [] }
        var blocks: [PageBlock] = [
            .paragraph(["The model is a mixture of experts: at each position, the router of a block chooses some of its experts."])
        ]
        for block in Set(rows.map(\.block)).sorted() {
            let own = rows.filter { $0.block == block }
            guard let most = own.max(by: { $0.positions < $1.positions }), let least = own.min(by: { $0.positions < $1.positions }) else {
                continue
            }
            blocks.append(
                .paragraph([
                    .plain(
                        "In block \(block), expert \(most.expert) is chosen most, at \(percent(most.share) ?? "none") of the positions, and "
                            + "expert \(least.expert) least, at \(percent(least.share) ?? "none").")
                ]))
        }
        var tables = [PageTable("Experts", ExpertRow.columns.filter { $0.name != "classes" }, rows)]
        if let classes = rows.first?.classes, (1...12).contains(classes.count) {
            tables.append(
                PageTable(
                    title: "Share of the positions of each class that choose the expert",
                    columns: ["block", "expert"] + classes.map { "share_\($0.label)" },
                    rows: rows.map { row in [.init(row.block), .init(row.expert)] + row.classes.map { PageTable.Cell($0.share) } }))
        }
        return blocks + tables.map(PageBlock.folded)
    }

    // MARK: - Ablation

    func ablation(_ data: String, _ clusters: GivenClusters?) throws -> [PageBlock] {
        let model = try model()
        guard let clusters else { throw Problem("has no clusters to switch off", path: path) }
        var request = AblationRequest(model, clusters: clusters, data: dataset(data))
        if given != nil { request.layers = options.layers.patterns }
        let reading = try request.possibleReading()
        request.ablation = ClusterAblation(reading: reading, controls: options.controls, seed: seed)
        (request.batchSize, request.threads) = (options.batchSize, threads)
        let prepared = try request.prepared()
        let hasRightAnswers = prepared.batches.dataset.task?.hasRightAnswers ?? true
        let result = try working("ablate") { progress in try prepared.run(progress: progress) }
        let setting = AblationSetting(
            data: data, clusters: options.clusterFile ?? "found by \(options.clustering.methodName)",
            reading: request.ablation.reading.rawValue, fill: request.ablation.fill.rawValue)
        let head = Provenanced(AblationSetting.schema, seed: seed, checkpoint: source(model), setting)
        let names = prepared.batches.dataset.classNames
        let report = AblateReport(
            provenance: head, samples: prepared.batches.dataset.count, answers: result.intact.total.count,
            intact: AblatedOutcome(result.intact, names), layers: result.layers.map { AblatedLayerReport($0, names) })
        let rows = report.layers.flatMap(\.interventions)
        var blocks: [PageBlock] = [
            .paragraph([
                "Each cluster of each layer is switched off while the rest stays on (off), and stays on while the rest is switched off (on): its ",
                .plain(
                    reading == .activations ? "activations are set to 0." : "weights are set to 0, as a layer is applied several times."),
                .plain(" The control is the same with \(options.controls) random sets of as many neurons: "),
                "a cluster that matters more than they do carries something of its own.",
            ])
        ]
        if let sentence = Self.sentence(rows, intact: report.intact, hasRightAnswers: hasRightAnswers) {
            blocks.append(.paragraph(sentence))
            summary.append(sentence)
        }
        let shown = [AblatedRow(intact: result.intact, names)] + rows
        let tables = [
            interventionTable(shown, hasRightAnswers: hasRightAnswers), classTable(shown, report.intact),
            hasRightAnswers ? dependenceTable(report) : nil,
        ].compactMap(\.self)
        for (place, figure) in try figures(of: report).enumerated() {
            blocks.append(
                .figure(
                    PageFigure(
                        figure.drawing(width: Self.figureWidth), caption: [Self.caption(figure)],
                        commands: place == 0 ? commands.ablate(data, countWords, reading) : [],
                        tables: place == 0 ? tables : [])))
        }
        if report.layers.isEmpty { blocks.append(.paragraph(["No layer has clusters."])) }
        return blocks
    }

    /// What a picture of an ablation shows, by the name of its file.
    private static func caption(_ figure: PlotFigure) -> PageText {
        if figure.name.hasPrefix("ablate-classes") {
            return "Accuracy by class: the intact model on top, then each cluster off, then each alone."
        }
        if figure.name.hasPrefix("ablate-dependence") { return "How many right answers are spoilt by how many of the interventions." }
        let measure = ["Loss", "Mean squared error"].first(where: figure.title.hasPrefix) ?? "Accuracy"
        return .plain("\(measure) with each cluster off or alone, beside random sets of as many neurons.")
    }

    /// The cluster whose absence costs most beyond its control.
    private static func sentence(_ rows: [AblatedRow], intact outcome: AblatedOutcome, hasRightAnswers: Bool) -> [PageText]? {
        // As the figure does it: of running text the loss says more.
        if outcome.classes.isEmpty, rows.allSatisfy(\.classes.isEmpty),
            let sentence = lossSentence(rows, intact: outcome.loss, isError: !hasRightAnswers)
        {
            return sentence
        }
        let intact = outcome.accuracy
        let off = rows.filter { $0.intervention == "off" && $0.accuracy != nil }
        guard let worst = off.min(by: { ($0.accuracy ?? 1) < ($1.accuracy ?? 1) }), let layer = worst.layer, let cluster = worst.cluster,
            let before = percent(intact), let after = percent(worst.accuracy), (worst.accuracy ?? 1) < (intact ?? 0)
        else { return nil }
        var text: [PageText] = [
            .plain("Without cluster \(cluster) of "), .name(layer.singleLine),
            .plain(" (\(ByteText.counted(worst.neurons, "neuron"))) accuracy falls from \(before) to \(after)"),
        ]
        if let control = worst.control?.accuracy, let mean = percent(control.mean) {
            text.append(
                .plain(
                    "; without as many random neurons it is \(mean)"
                        + (control.standardDeviation.map { "\u{A0}±\u{A0}\(NumberText.fixed($0 * 100, digits: 1))%" } ?? "")
                        + (control.p.map { " (p\u{A0}=\u{A0}\(NumberText.fixed($0, digits: 2)))" } ?? "")))
        }
        return text + ["."]
    }

    private static func lossSentence(_ rows: [AblatedRow], intact: Double?, isError: Bool) -> [PageText]? {
        let off = rows.filter { $0.intervention == "off" && $0.loss?.isFinite ?? false }
        guard let worst = off.max(by: { ($0.loss ?? 0) < ($1.loss ?? 0) }), let layer = worst.layer, let cluster = worst.cluster,
            let before = intact, let after = worst.loss, after > before
        else { return nil }
        let control = worst.control?.loss
        let digits = NullDistance.digits([before, after, control?.standardDeviation ?? 1])
        func number(_ value: Double) -> String { NumberText.fixed(value, digits: digits) }
        var text: [PageText] = [
            .plain("Without cluster \(cluster) of "), .name(layer.singleLine),
            .plain(
                " (\(ByteText.counted(worst.neurons, "neuron"))) "
                    + (isError ? "the mean squared error" : "the loss")
                    + " rises from \(number(before)) to \(number(after))\(isError ? "" : " nats")"),
        ]
        if let control, let mean = control.mean {
            text.append(
                .plain(
                    "; without as many random neurons it is \(number(mean))"
                        + (control.standardDeviation.map { "\u{A0}±\u{A0}\(number($0))" } ?? "")
                        + (control.p.map { " (p\u{A0}=\u{A0}\(NumberText.fixed($0, digits: 2)))" } ?? "")))
        }
        return text + ["."]
    }

    /// Intact model and interventions.
    private func interventionTable(_ rows: [AblatedRow], hasRightAnswers: Bool) -> PageTable {
        // The control of what the figure shows.
        let left = rows.allSatisfy(\.classes.isEmpty) ? "control_accuracy" : "control_loss"
        return PageTable(
            "Interventions",
            AblatedRow.columns.filter {
                $0.isInTables && $0.name != "moved" && !$0.name.hasPrefix(left) && (hasRightAnswers || $0.name != "accuracy")
            }, rows)
    }

    /// The accuracy of each class; nil if there are too many classes for a page.
    private func classTable(_ rows: [AblatedRow], _ intact: AblatedOutcome) -> PageTable? {
        let classes = intact.classes
        guard (1...12).contains(classes.count) else { return nil }
        let columns = AblatedRow.columns.named(["layer", "intervention", "cluster"])
        return PageTable(
            title: "Accuracy by class", columns: columns.map(\.name) + classes.map { "accuracy_\($0.shownName.singleLine)" },
            rows: rows.map { row in
                let accuracies = Dictionary(row.classes.map { ($0.label, $0.accuracy) }, uniquingKeysWith: { first, _ in first })
                return columns.map { PageTable.Cell($0.value(of: row)) } + classes.map { PageTable.Cell(accuracies[$0.label] ?? nil) }
            })
    }

    private func dependenceTable(_ report: AblateReport) -> PageTable {
        var rows: [[PageTable.Cell]] = []
        for layer in report.layers {
            for (kind, counts) in [("off", layer.dependence.off), ("on", layer.dependence.on)] {
                for (clusters, count) in counts.enumerated() {
                    rows.append([.name(layer.layer.singleLine), .text(kind), .init(clusters), .init(count)])
                }
            }
        }
        return PageTable(
            title: "Right answers by how many interventions spoil them", columns: ["layer", "intervention", "interventions", "answers"],
            rows: rows)
    }

    static func percent(_ share: Double?) -> String? {
        share.flatMap { $0.isFinite ? NumberText.fixed($0 * 100, digits: 1) + "%" : nil }
    }

    static func rounded(_ value: Double?) -> String { value.map(NumberText.rounded) ?? "undefined" }
}
