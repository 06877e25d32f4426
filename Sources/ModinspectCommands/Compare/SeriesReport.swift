import Modularity

/// The result of `compare` for three or more checkpoints, or files of clusters, as one json document.
struct SeriesReport: HeadedReport {
    static let schema = "modinspect.series/1"

    let setting: CompareReport.Setting
    let layers: [SeriesLayer]
    let mean: SeriesLayer
    /// The layers that all checkpoints have: means over others would not be comparable.
    let meanLayers: [String]
    let differing: [SeriesDifference]

    var head: CompareReport.Setting { setting }

    static let members: [Column<SeriesReport>] = [
        .json("layers", "The layers, in the order in which the checkpoints have them.") { $0.layers },
        .json("mean", "The means over those that all checkpoints have.") { $0.mean },
        .json("meanLayers", "The names of these.") { $0.meanLayers },
        .json("differing", "Layers that one checkpoint has in another shape than most, which are not compared.") { $0.differing },
    ]

    /// More pairs of checkpoints than this, over all layers and both sides, are not listed: 100 checkpoints with 24 layers are 500,000.
    private static let mostPairs = 500_000
}

/// One layer of a series, or the mean over the layers.
struct SeriesLayer: Encodable {
    /// The name in the first checkpoint that has it, or `mean`.
    let layer: String
    /// One for each checkpoint that has the layer, in their order.
    let steps: [SeriesStep]
    /// nil if there are too many pairs of checkpoints.
    let agreement: SeriesMatrices?
}

/// The adjusted Rand index of every two inputs, a row for each; nil where one of them has no such layer.
struct SeriesMatrices: Encodable {
    let out: [[Double?]]
    let `in`: [[Double?]]
}

/// One layer in one checkpoint of a series, beside the same in the previous one and in the last.
struct SeriesStep: ColumnRow {
    /// How far clusters agree with those of another checkpoint.
    struct Agreement: Sendable {
        /// The other checkpoint.
        let path: String?
        let out: ComparedSide
        let into: ComparedSide
    }

    /// The checkpoint's place among the inputs, from 0.
    let input: Int
    let layer: String
    let k: Int?
    /// In the order of ``ComparedClusters/measures``.
    let scores: [Double?]
    let previous: Agreement?
    let last: Agreement?

    /// The score that text shows.
    var adjusted: Double? { zip(ComparedClusters.measures, scores).first { $0.0 == .adjusted }?.1 }

    static let columns: [Column<SeriesStep>] =
        names + scores + agreement("previous", "previous") { $0.previous }
        + agreement("last", "last") { $0.last }

    private static let names: [Column<SeriesStep>] = [
        .json("input", "The checkpoint's place among the inputs, from 0.") { $0.input },
        .text("layer", "The name in the first checkpoint that has it, or `mean`.") { $0.layer },
        .whole("k", "The number of clusters.") { $0.k },
    ]

    private static let scores: [Column<SeriesStep>] = ComparedClusters.measures.enumerated().map { place, measure in
        .number(measure.rawValue, measure.documentation) { $0.scores[place] }
    }

    private static func agreement(
        _ key: String, _ words: String, _ part: @escaping @Sendable (SeriesStep) -> Agreement?
    ) -> [Column<SeriesStep>] {
        let path: Column<SeriesStep> = .json("\(key).path", "The \(words) checkpoint that has the layer; null for the mean.") {
            part($0)?.path
        }
        func side(_ name: String, _ side: @escaping @Sendable (Agreement) -> ComparedSide) -> [Column<SeriesStep>] {
            [
                .number("\(key).\(name).ari", "The adjusted Rand index.") { part($0).flatMap { side($0).adjustedRand } },
                .number("\(key).\(name).nmi", "The normalised mutual information.") {
                    part($0).flatMap { side($0).normalizedMutualInformation }
                },
                .number("\(key).\(name).matched", "The share of neurons in corresponding clusters.") {
                    part($0).flatMap { side($0).matched }
                },
            ]
        }
        return [path] + side("out") { $0.out } + side("in") { $0.into }
    }
}

extension ComparedSide {
    /// The measures of an agreement alone.
    fileprivate init(_ agreement: ClusteringAgreement) {
        self.init(
            adjustedRand: agreement.adjustedRand, normalizedMutualInformation: agreement.normalizedMutualInformation,
            matched: agreement.matched)
    }

    /// The means of each measure over the sides where it is defined.
    fileprivate init(meanOf sides: [ComparedSide]) {
        func mean(_ value: (ComparedSide) -> Double?) -> Double? { SeriesReport.mean(sides.map(value)) }
        self.init(
            adjustedRand: mean { $0.adjustedRand }, normalizedMutualInformation: mean { $0.normalizedMutualInformation },
            matched: mean { $0.matched })
    }
}

extension SeriesReport {
    /// The mean of the values that are defined; nil if none is.
    fileprivate static func mean(_ values: [Double?]) -> Double? {
        let known = values.compactMap(\.self)
        return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }

    init(_ comparison: SeriesComparison, paths: [String], setting: CompareReport.Setting) {
        let count = paths.count
        let pairs = 2 * count * count
        let layers = comparison.layers.map { layer in
            SeriesLayer(
                layer: layer.name, steps: Self.steps(layer, paths), agreement: pairs <= Self.mostPairs ? Self.matrices(layer) : nil)
        }
        // A checkpoint that failed has none of the layers.
        let present = (0..<count).filter { place in comparison.layers.contains { $0.members[place] != nil } }
        let common = comparison.layers.indices.filter { layer in present.allSatisfy { comparison.layers[layer].members[$0] != nil } }
        let shared = common.map { layers[$0] }
        let steps = (0..<count).compactMap { Self.meanStep($0, of: shared) }
        let matrices = SeriesMatrices(meanOf: shared.compactMap(\.agreement), count: count)
        let keepsMatrices = pairs * (layers.count + 1) <= Self.mostPairs
        self.init(
            setting: setting,
            layers: layers.map { keepsMatrices ? $0 : SeriesLayer(layer: $0.layer, steps: $0.steps, agreement: nil) },
            mean: SeriesLayer(layer: "mean", steps: steps, agreement: pairs <= Self.mostPairs ? matrices : nil),
            meanLayers: shared.map(\.layer),
            differing: comparison.differing)
    }

    private static func steps(_ layer: SeriesComparison.Layer, _ paths: [String]) -> [SeriesStep] {
        let present = layer.members.indices.filter { layer.members[$0] != nil }
        func agreement(_ first: Int?, _ second: Int) -> SeriesStep.Agreement? {
            guard let first, let found = layer.agreement(first, second) else { return nil }
            return SeriesStep.Agreement(path: paths[first], out: ComparedSide(found.out), into: ComparedSide(found.into))
        }
        return present.enumerated().map { number, place in
            SeriesStep(
                input: place, layer: layer.name, k: layer.members[place]?.k, scores: layer.members[place]?.scores ?? [],
                previous: agreement(number > 0 ? present[number - 1] : nil, place), last: agreement(present.last, place))
        }
    }

    /// The means of one checkpoint over its layers; nil if it has none.
    private static func meanStep(_ input: Int, of layers: [SeriesLayer]) -> SeriesStep? {
        let steps = layers.compactMap { layer in layer.steps.first { $0.input == input } }
        guard !steps.isEmpty else { return nil }
        func agreement(_ part: (SeriesStep) -> SeriesStep.Agreement?) -> SeriesStep.Agreement? {
            let found = steps.compactMap(part)
            guard !found.isEmpty else { return nil }
            return SeriesStep.Agreement(
                path: nil, out: ComparedSide(meanOf: found.map(\.out)), into: ComparedSide(meanOf: found.map(\.into)))
        }
        return SeriesStep(
            input: input, layer: "mean", k: nil,
            scores: ComparedClusters.measures.indices.map { place in mean(steps.map { $0.scores[place] }) },
            previous: agreement { $0.previous }, last: agreement { $0.last })
    }

    private static func matrices(_ layer: SeriesComparison.Layer) -> SeriesMatrices {
        let count = layer.members.count
        let none = [Double?](repeating: nil, count: count)
        var (out, into) = ([[Double?]](repeating: none, count: count), [[Double?]](repeating: none, count: count))
        for first in 0..<count {
            for second in first..<count {
                guard let agreement = layer.agreement(first, second) else { continue }
                out[first][second] = agreement.out.adjustedRand
                out[second][first] = out[first][second]
                into[first][second] = agreement.into.adjustedRand
                into[second][first] = into[first][second]
            }
        }
        return SeriesMatrices(out: out, in: into)
    }

    /// The steps of all layers and their means, a checkpoint after the other.
    func rows(of input: Int) -> [SeriesStep] { (layers + [mean]).compactMap { layer in layer.steps.first { $0.input == input } } }
}

extension SeriesMatrices {
    fileprivate init(meanOf matrices: [SeriesMatrices], count: Int) {
        func mean(_ side: (SeriesMatrices) -> [[Double?]]) -> [[Double?]] {
            (0..<count).map { row in (0..<count).map { column in SeriesReport.mean(matrices.map { side($0)[row][column] }) } }
        }
        self.init(out: mean { $0.out }, in: mean { $0.in })
    }
}
