import Checkpoints
import Circuits
import Evaluation
import Interventions
import Modularity
import Networks
import Pages
import Pictures
import Plots
import Text

extension ReportBuilder {
    // MARK: - Circuit

    func circuit(_ pairs: String) throws -> [PageBlock] {
        let model = try model()
        let method = edgeMethod
        let samples = options.arePairsByClass ? options.data : nil
        let drawn = samples.map { PairSource.byClass(options.samples.source($0, seed: seed), seed: seed) }
        var request = EdgeCircuitRequest(model, pairs: drawn ?? .file(pairs, limit: options.samples.limit), method: method)
        (request.batchSize, request.seed, request.threads) = (options.batchSize, seed, threads)
        let prepared = try request.prepared()
        let result = try working("circuit") { try prepared.run(progress: $0) }
        let isDiscovery = options.circuitMethod == .acdc
        let found = EdgeReport(
            EdgeReport.Origin(
                data: samples ?? pairs, method: options.circuitMethod.rawValue, clusters: nil,
                steps: options.circuitMethod == .eapIG ? EdgeMethod.standardSteps : nil,
                threshold: isDiscovery ? EdgeMethod.standardThreshold : nil, selection: isDiscovery ? nil : request.selection.rawValue),
            prepared.search, result)
        let head = Provenanced(EdgeReport.schema, seed: seed, checkpoint: source(model), found)
        let measured = found.circuits[0].measured
        let sentence: [PageText] = [
            .plain(
                "A circuit of \(ByteText.grouped(measured.size)) of \(ByteText.counted(found.scores.count, "edge"))"
                    + (Self.percent(found.circuits[0].effectiveSize).map { " (\($0))" } ?? "") + " alone has a faithfulness of "
                    + Self.rounded(measured.faithfulness) + ".")
        ]
        summary.append(sentence)
        let rule =
            isDiscovery
            ? "It keeps the edges whose removal changes the metric by at least \(NumberText.shortest(EdgeMethod.standardThreshold))."
            : "It has the fewest of the edges with the largest scores whose faithfulness is at least 0.9."
        var blocks: [PageBlock] = [
            .paragraph(
                sentence + [
                    " Faithfulness is 1 for the whole model and 0 without any edge. The method is ", .code(options.circuitMethod.rawValue),
                    ", on ",
                    .plain(ByteText.counted(found.pairs, "pair") + (samples == nil ? "" : " of samples of different classes")), " of ",
                    .name(samples ?? pairs), ", the metric ", .code(found.metric),
                    .plain(". " + rule),
                ])
        ]
        if found.moving == 0 { blocks.append(.notice(["No edge moves the metric: the circuit is meaningless."])) }
        let tables = [
            PageTable(
                "The circuit's edges", ScoredEdge.columns.filter { $0.isInTables && !["kept", "returned"].contains($0.name) }, found.kept),
            ladder(found),
        ]
        for (place, figure) in try figures(of: head).enumerated() {
            blocks.append(
                .figure(
                    PageFigure(
                        figure.drawing(width: Self.figureWidth),
                        caption: [
                            .plain(
                                figure.name.contains("faithfulness")
                                    ? "How faithful circuits of other sizes are."
                                    : "The circuit, from the input at the bottom to the output.")
                        ], commands: place == 0 ? [commands.circuit(pairs)] : [], tables: place == 0 ? tables : [])))
        }
        return blocks
    }

    private var edgeMethod: EdgeMethod {
        switch options.circuitMethod {
        case .acdc: .discovery(threshold: EdgeMethod.standardThreshold)
        case .eap: .attribution(steps: 1)
        case .eapIG: .attribution(steps: EdgeMethod.standardSteps)
        case .exact: .exact
        }
    }

    private func ladder(_ found: EdgeReport) -> PageTable {
        PageTable(
            title: "Circuits of other sizes", columns: ["chosen", "size", "value", "faithfulness", "divergence"],
            rows: found.ladder.map(\.measured).map { step in
                [
                    step.chosen.map { .init($0) } ?? .text("-"), .init(step.size), .init(step.value), .init(step.faithfulness),
                    .init(step.divergence),
                ]
            })
    }

    // MARK: - Comparison

    func comparison(_ other: String) throws -> [PageBlock] {
        let second = try opened(other)
        let comparison = try CheckpointComparison(checkpoint, second, layers: options.layers, clusters: given)
        let counts = [count]
        let sweeps = try working("compare") {
            try comparison.sweeps(
                options: options.clustering.clusteringOptions(seed: seed), counts: counts, threads: threads, progress: $0)
        }
        let layers = comparison.layers(sweeps, changes: try comparison.changes(keeping: 1) { _ in })
        let inputs = [
            CheckpointSource(path: path, sha256: sha256, base: base),
            CheckpointSource(
                path: second.path, sha256: options.source.sha256(of: second, options.output),
                base: options.source.base(of: second, options.output)),
        ]
        let report = CompareReport(
            setting: CompareReport.Setting(
                kind: .checkpoints, inputs: inputs.map { .ok($0) }, method: given == nil ? options.clustering.methodName : nil,
                clusters: options.clusterFile),
            layers: layers, mean: ComparedLayer(meanOf: layers), onlyInA: comparison.match.onlyInA, onlyInB: comparison.match.onlyInB,
            differing: comparison.match.differences)
        let mean = report.mean
        func score(_ clusters: ComparedClusters) -> String { Self.rounded(clusters.scores[0]) }
        let sentence: [PageText] = [
            "From this model to ", .name(Self.name(ofPath: other)),
            .plain(
                " the mean clusterability of \(ByteText.counted(layers.count, "layer")) goes from \(score(mean.a)) to \(score(mean.b)), and the weights "
                    + "move by \(Self.percent(mean.relativeChange) ?? "an undefined share") of their norm."),
        ]
        summary.append(sentence)
        var blocks: [PageBlock] = [
            .paragraph(
                sentence + [
                    .plain(
                        given == nil
                            ? " The clusters are found in each by itself; how far they agree is 1 for the same clusters, however numbered, and about 0 for "
                                + "unrelated ones (ari)." : " Both are scored with the given clusters.")
                ]),
            .facts([
                ("A", [.name(path)]), ("B", [.name(other)]), ("SHA-256 of B", [inputs[1].sha256.map { .code($0) } ?? "not computed"]),
            ]),
        ]
        let left =
            report.onlyInA.map { "only in A: \($0)" } + report.onlyInB.map { "only in B: \($0)" }
            + report.differing.map { "of different shapes: \($0.layer)" }
        if !left.isEmpty { blocks.append(.paragraph(["Not compared: ", .name(left.listed(atMost: 6).singleLine), "."])) }
        let table = PageTable("Scores and agreement by layer", ComparedLayer.columns.filter(\.isInTables), report.rows)
        let figures = try figures(of: Provenanced(CompareReport.schema, seed: seed, report))
        for (place, figure) in figures.prefix(Self.mostComparisons).enumerated() {
            blocks.append(
                .figure(
                    PageFigure(
                        figure.drawing(width: Self.figureWidth),
                        caption: [.plain(Self.caption(ofComparison: figure.name))],
                        commands: place == 0 ? [commands.compare(other, countWords)] : [], tables: place == 0 ? [table] : [])))
        }
        let more = figures.count - Self.mostComparisons
        if more > 0 { blocks.append(.paragraph([.plain("The command draws \(ByteText.counted(more, "more layer")) in the same way.")])) }
        return blocks
    }

    /// More figures of a comparison are not in the page.
    private static let mostComparisons = 16

    private static func caption(ofComparison name: String) -> String {
        if name.hasPrefix("compare-clusters") { return "Which clusters of A are which of B: the neurons that each two share." }
        return name == "compare-agreement" ? "How far the clusters of A and B agree." : "The scores of A and B."
    }

    /// The other checkpoint; an adapter is merged with its base model, or with this one.
    private func opened(_ other: String) throws -> Checkpoint {
        let second = try Checkpoint.open(
            other, options: Checkpoint.Options(member: options.source.member, key: options.source.key))
        guard second.adapter != nil else {
            if let refusal = second.refusal ?? second.incompleteness { throw refusal }
            return second
        }
        return try options.source.base == nil ? second.merged(into: checkpoint) : options.source.merged(second)
    }
}
