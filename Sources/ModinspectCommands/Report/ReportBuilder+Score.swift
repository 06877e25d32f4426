import Checkpoints
import Modularity
import Pages
import Plots
import Scoring
import Text

extension ReportBuilder {
    /// The parts that need no data, and the clusters that the others work with.
    struct Scores {
        var modularity: [PageBlock]
        var weights: [PageBlock]?
        var sweep: [PageBlock]?
        /// nil if there are none.
        var clusters: GivenClusters?
    }

    /// Layers with more weights than this together take long: fewer permutations, and no sweep that was not asked for.
    private static let manyWeights = 1 << 22

    func scoreBlocks() throws -> Scores {
        var scores = Scores(modularity: [])
        scores.modularity = try attempt("The score") {
            let (blocks, sweep, layers) = try score()
            scores.clusters =
                try given?.clusters(for: catalog)
                ?? GivenClusters(
                    name: "the clusters found here",
                    Dictionary(sweep.layers.map { ($0.clustering.layer, $0.clustering) }, uniquingKeysWith: { first, _ in first }))
            scores.weights = try attempt("The map of the weights") { try weightMaps(sweep, layers) }
            if let counts = sweepCounts(layers) { scores.sweep = try attempt("The sweep") { try self.sweep(counts, layers) } }
            return blocks
        }
        return scores
    }

    /// The number of clusters that the page speaks of: the only one that was asked for, 4 if that is among several, or the first.
    var count: ClusterCount {
        let counts = options.clustering.clusterCounts
        return counts.contains(.fixed(4)) ? .fixed(4) : counts[0]
    }

    /// The same as `-k` takes it.
    var countWords: String { if case .fixed(let count) = count { "\(count)" } else { "auto" } }

    /// The numbers of the sweep: those that were asked for, or from 2 to 8 if that is quick; nil for none.
    private func sweepCounts(_ layers: [Layer]) -> (counts: [ClusterCount], words: String)? {
        guard given == nil else { return nil }
        switch options.clustering.counts {
        case .auto: return nil
        case .counts(let list)? where list.count > 1:
            return (list.map(ClusterCount.fixed), list.map(String.init).joined(separator: ","))
        case .counts, nil: break
        }
        return Self.weightCount(layers) > Self.manyWeights / 4 ? nil : ((2...8).map(ClusterCount.fixed), "2-8")
    }

    private static func weightCount(_ layers: [Layer]) -> Int {
        layers.reduce(0) {
            $0.addingReportingOverflow($1.outNeurons.multipliedReportingOverflow(by: $1.inNeurons).partialValue).partialValue
        }
    }

    private func nullSamples(_ layers: [Layer]) -> Int { options.nullSamples ?? (Self.weightCount(layers) > Self.manyWeights ? 5 : 20) }

    private func request(_ counts: [ClusterCount]) throws -> ScoreRequest {
        let clusters: ScoreRequest.Clusters =
            try given.map { .given(try $0.clusters(for: catalog)) }
            ?? .found(options.clustering.clusteringOptions(seed: seed), counts: counts)
        var request = try ScoreRequest(catalog, path: path, patterns: options.layers.patterns, clusters: clusters)
        (request.nullSamples, request.threads) = (nullSamples(request.layers), threads)
        return request
    }

    private func document(_ analysis: ModelAnalysis) -> some Encodable {
        let setting = ScoreSetting(
            method: given == nil ? options.clustering.methodName : nil, data: nil, batch: nil, clusters: options.clusterFile)
        let scored = ScoredCheckpoint(path: path, sha256: sha256, base: base, results: analysis.sweeps.map(ScoredSweep.init))
        return Provenanced(ScoreReport.schema, seed: seed, ScoreReport(setting: setting, checkpoints: [.ok(scored)]))
    }

    // MARK: - One number of clusters

    private func score() throws -> ([PageBlock], ModelAnalysis.Sweep, [Layer]) {
        let request = try request([count])
        let analysis = try working("score") { try request.run(progress: $0) }
        guard let found = analysis.sweeps.first else { throw Problem("has no layer to score") }
        diagnostics.describe(found, method: options.clustering.method, path: path)
        let sweep = ScoredSweep(found)
        let samples = request.nullSamples
        nullCount = samples
        var blocks: [PageBlock] = [.paragraph(verdict(sweep)), .list(verdicts(sweep.layers))]
        blocks.append(
            .paragraph([
                "Clusterability is the share of squared weight between neurons of the same cluster: 1 if no weight leaves its cluster. ",
                .plain(
                    given == nil
                        ? "Clusters are found to fit the weights, so that even random weights score above chance. "
                        : "The clusters were given. "),
                .plain(
                    "The null model shuffles the weights of each layer \(samples) times and scores them in the same way; z counts its standard "
                        + "deviations between its mean and the score, and p is the share of permutations that score as high. "),
                .plain(
                    "“Far more” is said from z\u{A0}=\u{A0}\(Int(ScoreSentence.Verdict.farMoreFrom)), “more” from \(Int(ScoreSentence.Verdict.moreFrom))."
                ),
            ]))
        let table = PageTable(
            "Scores by layer", ScoredLayer.columns(hasNull: true).filter(\.isInTables), sweep.rows)
        for figure in try figures(of: document(analysis)) {
            blocks.append(
                .figure(
                    PageFigure(
                        figure.drawing(width: Self.figureWidth),
                        caption: [
                            .plain(
                                "The clusterability of each layer, beside that of its weights in random places (mean ± standard deviation)"),
                            .plain(" and that of random clusters (chance)."),
                        ], commands: [commands.score(countWords, null: samples)], tables: [table])))
        }
        return (blocks, found, request.layers)
    }

    /// The sentence about the mean, which the summary has too.
    private func verdict(_ sweep: ScoredSweep) -> [PageText] {
        let sentence = ScoreSentence(sweep.mean)
        let k = sweep.k.map { "With k\u{A0}=\u{A0}\($0), the" } ?? "The"
        var text: [PageText] = []
        if sweep.layers.count == 1, let layer = sweep.layers.first {
            text = [.plain(sweep.k.map { "With k\u{A0}=\u{A0}\($0), " } ?? ""), .name(layer.layer), .plain(sentence.predicate() + ".")]
        } else {
            text = [
                .plain("\(k) \(ByteText.counted(sweep.layers.count, "layer"))"), .plain(sentence.predicate(of: .several) + "."),
            ]
            let counts = ScoreSentence.Verdict.allCases.map { verdict in
                (verdict, sweep.layers.count { ScoreSentence($0).verdict == verdict })
            }
            let words = counts.filter { $0.1 > 0 }.map { verdict, count in
                switch verdict {
                case .farMore: "\(count) far more"
                case .more: "\(count) more"
                case .noMore: "\(count) no more"
                case .less: "\(count) less"
                case .undefined: "\(count) not comparable"
                }
            }
            if words.count > 1 { text.append(.plain(" Layer by layer: \(words.joined(separator: ", ")).")) }
        }
        summary.append(text)
        return text
    }

    /// A sentence for each layer, or for the first and the last of many by their scores.
    private func verdicts(_ layers: [ScoredLayer]) -> [[PageText]] {
        guard layers.count > 1 else { return [] }
        let digits = ScoreSentence.digits(layers)
        func sentence(_ layer: ScoredLayer) -> [PageText] {
            [.name(layer.layer.singleLine), .plain(ScoreSentence(layer, digits: digits).predicate() + ".")]
        }
        guard layers.count > 8 else { return layers.map(sentence) }
        let ranked = layers.enumerated().sorted { (Self.excess($0.element), -$0.offset) > (Self.excess($1.element), -$1.offset) }.map(
            \.element)
        return ranked.prefix(3).map(sentence) + [[.plain("(The table has the \(layers.count - 6) layers between these.)")]]
            + ranked.suffix(3).map(sentence)
    }

    /// How far the score lies above the null model's mean.
    private static func excess(_ layer: ScoredLayer) -> Double {
        guard let score = layer[.clusterability] else { return -.infinity }
        return score - (layer.null?.mean ?? layer[.chance] ?? 0)
    }

    // MARK: - Weights

    private func weightMaps(_ sweep: ModelAnalysis.Sweep, _ layers: [Layer]) throws -> [PageBlock] {
        let scored = ScoredSweep(sweep).layers
        let places = scored.indices.filter { scored[$0][.clusterability] != nil }
        let ranked = places.sorted { (Self.excess(scored[$0]), $1) > (Self.excess(scored[$1]), $0) }
        guard let most = ranked.first, let least = ranked.last else { throw Problem("no layer has weights other than 0") }
        var blocks: [PageBlock] = [
            .paragraph([
                "Each picture is a weight matrix, rows and columns in the order of their clusters, whose colours stand at the edges. ",
                "In a modular layer the strong weights lie in blocks on the diagonal.",
                .plain(
                    most == least
                        ? ""
                        : " Of all layers, the clusterability of the first picture's lies highest relative to the mean of its null model, and that of "
                            + "the second picture's lowest."
                ),
            ])
        ]
        for place in most == least ? [most] : [most, least] {
            let clustering = sweep.layers[place].clustering
            guard let layer = layers.first(where: { $0.name == clustering.layer }) else { continue }
            let source = [given == nil ? "method \(options.clustering.methodName)" : nil, "seed \(seed)"]
            let map = try WeightMap(
                layer, sweep.layers[place], path: path, source: source.compactMap(\.self).joined(separator: " · "))
            let role = most == least ? "The layer" : Self.role(isMost: place == most, excess: Self.excess(scored[place]))
            blocks.append(
                .figure(
                    PageFigure(
                        map.drawing,
                        caption: [.plain(role + ", "), .name(layer.name.singleLine), ": the magnitudes of its weights by cluster."],
                        commands: [commands.weights(countWords, null: nullSamples(layers))], tables: [map.table])))
        }
        return blocks
    }

    /// What a map shows, of two: the layer with the most, or the least, above its null model; the least may lie below it, and even the most.
    private static func role(isMost: Bool, excess: Double) -> String {
        if abs(excess) < 5e-5 { return "At the mean of its null model" }
        return switch (isMost, excess > 0) {
        case (true, true): "Furthest above its null model"
        case (true, false): "Least below its null model"
        case (false, true): "Least above its null model"
        case (false, false): "Furthest below its null model"
        }
    }

    // MARK: - Sweep

    private func sweep(_ sweep: (counts: [ClusterCount], words: String), _ layers: [Layer]) throws -> [PageBlock] {
        let request = try request(sweep.counts)
        let analysis = try working("sweep") { try request.run(progress: $0) }
        let means = analysis.sweeps.map { ScoredSweep($0).mean }
        let best = means.filter { $0.null?.z != nil }.max { ($0.null?.z ?? 0) < ($1.null?.z ?? 0) }
        var blocks: [PageBlock] = []
        if let best, let k = best.k, let z = best.null?.z {
            let sentence = ScoreSentence(best)
            blocks.append(
                .paragraph([
                    .plain(
                        z >= ScoreSentence.Verdict.moreFrom
                            ? "The layers stand out most from their null models with k\u{A0}=\u{A0}\(k), where they\(sentence.predicate(of: .several))."
                            : "With none of these numbers do the layers stand out from their null models; the largest z is "
                                + "\(ScoreSentence.distance(z)), with k\u{A0}=\u{A0}\(k).")
                ]))
        }
        let table = PageTable(
            "Scores by number of clusters", ScoredLayer.columns(hasNull: true).filter(\.isInTables),
            analysis.sweeps.flatMap { ScoredSweep($0).rows })
        for figure in try figures(of: document(analysis)) {
            blocks.append(
                .figure(
                    PageFigure(
                        figure.drawing(width: Self.figureWidth),
                        caption: ["Clusterability against the number of clusters, with the band of the null model."],
                        commands: [commands.score(sweep.words, null: request.nullSamples, file: "sweep")], tables: [table])))
        }
        return blocks
    }
}
