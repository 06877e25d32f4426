import Checkpoints
import Modularity

/// The result of `compare`, as one json document.
struct CompareReport: HeadedReport {
    static let schema = "modinspect.compare/2"

    /// The kind of inputs.
    enum Kind: String, Encodable {
        case checkpoints, clusters
    }

    let setting: Setting
    let layers: [ComparedLayer]
    /// The mean of each number over the layers where it is defined.
    let mean: ComparedLayer
    /// The selected layers that B lacks.
    let onlyInA: [String]
    /// The selected layers that A lacks.
    let onlyInB: [String]
    /// Layers whose shapes differ, which are not compared.
    let differing: [LayerMatch.Difference]

    /// The keys that every line of jsonl has too.
    struct Setting: Encodable {
        let kind: Kind
        /// A, then B.
        let inputs: [CheckpointResult<CheckpointSource>]
        /// How the clusters were found; nil if they were given.
        let method: String?
        /// The file of clusters that were given for both checkpoints.
        let clusters: String?
    }

    var head: Setting { setting }

    static let members: [Column<CompareReport>] = [
        .json("layers", "The layers of both, in the order of A.") { $0.layers },
        .json("mean", "The means over them.") { $0.mean },
        .json("onlyInA", "The layers that B lacks.") { $0.onlyInA },
        .json("onlyInB", "The layers that A lacks.") { $0.onlyInB },
        .json("differing", "The layers of different shapes.") { $0.differing },
    ]

    /// The layers, then their mean.
    var rows: [ComparedLayer] { layers + [mean] }

    /// Whether one of the two could not be read, so that there is nothing to compare.
    var hasFailed: Bool { setting.inputs.contains { if case .failed = $0 { true } else { false } } }
}

extension CompareReport {
    /// A comparison that did not come about because A or B could not be read.
    init(failed inputs: [CheckpointResult<CheckpointSource>]) {
        self.init(
            setting: Setting(kind: .checkpoints, inputs: inputs, method: nil, clusters: nil), layers: [], mean: ComparedLayer(meanOf: []),
            onlyInA: [], onlyInB: [], differing: [])
    }
}

/// One layer in A and in B, or the means over the layers.
struct ComparedLayer: ColumnRow {
    /// The name in A, or `mean`.
    let layer: String
    /// The name in B; nil for the means.
    let layerInB: String?
    let a: ComparedClusters
    let b: ComparedClusters
    /// How far the clusters of the out-neurons agree.
    let out: ComparedSide
    /// How far those of the in-neurons do.
    let `in`: ComparedSide
    /// ||B - A|| / ||A|| in Frobenius norms; nil if A is zero, and for files of clusters.
    let relativeChange: Double?
    /// Falling; nil for the means and for files of clusters.
    let largestChanges: [ComparedWeight]?

    static let columns: [Column<ComparedLayer>] = names + scores + agreement + changes

    private static let names: [Column<ComparedLayer>] = [
        .text("layer", "The name in A, or `mean`.") { $0.layer },
        .json("layerInB", "The name in B, which may differ in prefixes; null for the means.") { $0.layerInB },
    ]
    private static let scores: [Column<ComparedLayer>] = clusterColumns("a") { $0.a } + clusterColumns("b") { $0.b }
    private static let agreement: [Column<ComparedLayer>] = sideColumns("out") { $0.out } + sideColumns("in") { $0.in }
    private static let changes: [Column<ComparedLayer>] = [
        .number("relativeChange", "The Frobenius norm of B - A divided by that of A; undefined if A is zero, and for files of clusters.") {
            $0.relativeChange
        },
        .json("largestChanges", "The weights that changed most, in descending order; null for the means and for files of clusters.") {
            $0.largestChanges
        },
    ]

    private static func clusterColumns(_ name: String, _ part: @escaping @Sendable (ComparedLayer) -> ComparedClusters) -> [Column<Self>] {
        var columns: [Column<Self>] = [.whole("\(name).k", "The number of clusters.") { part($0).k }]
        for (place, measure) in ComparedClusters.measures.enumerated() {
            columns.append(.number("\(name).\(measure.rawValue)", measure.documentation) { part($0).scores[place] })
        }
        columns.append(.json("\(name).outSizes", "The number of out-neurons in each cluster; null for the means.") { part($0).outSizes })
        columns.append(.json("\(name).inSizes", "The number of in-neurons in each cluster; null for the means.") { part($0).inSizes })
        return columns
    }

    private static func sideColumns(_ name: String, _ part: @escaping @Sendable (ComparedLayer) -> ComparedSide) -> [Column<Self>] {
        [
            .json("\(name).neurons", "The neurons that both have in a cluster.") { part($0).neurons },
            .json("\(name).unclustered", "Those that are left out, because one of the two has them in none.") { part($0).unclustered },
            .number("\(name).ari", "The adjusted Rand index.") { part($0).adjustedRand },
            .number("\(name).nmi", "The normalised mutual information.") { part($0).normalizedMutualInformation },
            .number("\(name).matched", "The share of neurons in corresponding clusters, after the best matching.") { part($0).matched },
            .json(
                "\(name).counts",
                "The neurons that each cluster of A, a row, shares with each of B, a column; null with more than 100 clusters."
            ) { part($0).shared?.counts },
            .json("\(name).counterparts", "For each cluster of A the corresponding one of B, null where it shares no neuron with it.") {
                part($0).shared?.counterparts
            },
        ]
    }
}

/// One layer's clusters in A or in B.
struct ComparedClusters: Sendable {
    /// The measures that are compared.
    static let measures: [Measure] = [.clusterability, .adjusted, .ncut]

    /// The requested number.
    var k: Int?
    /// In the order of ``measures``.
    var scores: [Double?] = ComparedClusters.measures.map { _ in nil }
    /// The neurons in each cluster; nil for the means.
    var outSizes: [Int]?
    var inSizes: [Int]?
}

/// How far two clusterings of one side of a layer agree.
struct ComparedSide: Sendable {
    /// The neurons that both have in a cluster.
    var neurons: Int?
    /// Those that are left out, because one of the two has them in none.
    var unclustered: Int?
    var adjustedRand: Double?
    var normalizedMutualInformation: Double?
    /// The share of neurons in corresponding clusters, after the best matching of the clusters.
    var matched: Double?
    /// The neurons that each two clusters share; nil for the means, for given clusters, and where the table would be long.
    var shared: SharedNeurons?

    /// With more clusters than this, the table of each two of them is left out.
    static let mostTabulated = 100

    /// The measures in the order of the columns of every table.
    var measures: [Double?] { [adjustedRand, normalizedMutualInformation, matched] }
}

/// A weight that changed.
struct ComparedWeight: ColumnRow {
    let out: Int
    let `in`: Int
    /// The place in a convolution's kernel; empty for any other layer.
    let kernel: [Int]
    let a: Double
    let b: Double

    static let columns: [Column<ComparedWeight>] = [
        .whole("out", "The out-neuron, from 0.") { $0.out },
        .whole("in", "The in-neuron, from 0.") { $0.in },
        .wholes("kernel", "The place in a convolution's kernel; empty for any other layer.") { $0.kernel },
        .number("a", "The weight in A.") { $0.a },
        .number("b", "The weight in B.") { $0.b },
    ]
}

extension ComparedClusters {
    init(_ clustering: LayerClustering, _ measures: Clusterability? = nil) {
        let k = clustering.clusterCount
        self.init(
            k: k, scores: Self.measures.map { measures?[$0] },
            outSizes: clustering.outLabels.sizes(clusters: k), inSizes: clustering.inLabels.sizes(clusters: k))
    }
}

extension ComparedSide {
    /// - Parameter clusters: how many there are in A and in B.
    init(_ a: Labels, _ b: Labels, clusters: (Int, Int)) {
        let agreement = ClusteringAgreement(a, b)
        self.init(
            neurons: agreement.neuronCount, unclustered: agreement.unclusteredCount, adjustedRand: agreement.adjustedRand,
            normalizedMutualInformation: agreement.normalizedMutualInformation, matched: agreement.matched,
            shared: max(clusters.0, clusters.1) <= Self.mostTabulated ? SharedNeurons(a, b, clusters: clusters) : nil)
    }
}

extension ComparedWeight {
    /// - Parameter kernel: the lengths of the layer's kernel; the columns of the entry run over the in-neurons and its elements.
    init(_ entry: WeightChange.Entry, kernel shape: [Int]) {
        var rest = entry.column
        var places: [Int] = []
        for length in shape.reversed() {
            places.append(rest % length)
            rest /= length
        }
        self.init(out: entry.row, in: rest, kernel: places.reversed(), a: entry.before, b: entry.after)
    }
}

extension ComparedLayer {
    /// The plain means over the layers, each over those where it is defined.
    init(meanOf layers: [ComparedLayer]) {
        func mean(_ value: (ComparedLayer) -> Double?) -> Double? {
            let values = layers.compactMap(value)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        func clusters(_ part: KeyPath<ComparedLayer, ComparedClusters>) -> ComparedClusters {
            ComparedClusters(scores: ComparedClusters.measures.indices.map { place in mean { $0[keyPath: part].scores[place] } })
        }
        func side(_ part: KeyPath<ComparedLayer, ComparedSide>) -> ComparedSide {
            ComparedSide(
                adjustedRand: mean { $0[keyPath: part].adjustedRand },
                normalizedMutualInformation: mean { $0[keyPath: part].normalizedMutualInformation },
                matched: mean { $0[keyPath: part].matched })
        }
        self.init(
            layer: "mean", layerInB: nil, a: clusters(\.a), b: clusters(\.b), out: side(\.out), in: side(\.in),
            relativeChange: mean(\.relativeChange), largestChanges: nil)
    }
}

/// The layer of a line of jsonl; empty if A or B could not be read.
struct CompareRow: Encodable {
    let layer: ComparedLayer?

    func encode(to encoder: any Encoder) throws { try layer?.encode(to: encoder) }
}
