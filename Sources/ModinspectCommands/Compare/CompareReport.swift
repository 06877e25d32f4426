import Checkpoints
import Modularity

/// What `compare` found, as one json document.
struct CompareReport: Encodable {
    static let schema = "modinspect.compare/1"

    /// What is compared.
    enum Kind: String, Encodable {
        case checkpoints, clusters
    }

    let schema = Self.schema
    let version = modinspectVersion
    /// Nil for two files of clusters: nothing about them is random.
    let seed: UInt64?
    let kind: Kind
    /// A, then B.
    let inputs: [CheckpointResult<CheckpointSource>]
    /// How the clusters were found; nil where they were given.
    let method: String?
    /// The file of clusters that were given for both checkpoints.
    let clusters: String?
    let layers: [ComparedLayer]
    /// The mean of each number over the layers where it is defined.
    let mean: ComparedLayer
    /// The chosen layers that B lacks.
    let onlyInA: [String]
    /// The chosen layers that A lacks.
    let onlyInB: [String]
    /// Layers whose shapes differ, which are not compared.
    let differing: [LayerMatch.Difference]

    /// The layers, then their mean.
    var rows: [ComparedLayer] { layers + [mean] }

    /// Whether one of the two could not be read, so that there is nothing to compare.
    var hasFailed: Bool { inputs.contains { if case .failed = $0 { true } else { false } } }
}

extension CompareReport {
    /// A comparison that did not come about because A or B could not be read.
    init(failed inputs: [CheckpointResult<CheckpointSource>], seed: UInt64) {
        self.init(
            seed: seed, kind: .checkpoints, inputs: inputs, method: nil, clusters: nil, layers: [], mean: ComparedLayer(meanOf: []),
            onlyInA: [], onlyInB: [], differing: [])
    }
}

/// One layer in A and in B, or the means over the layers.
struct ComparedLayer: Encodable {
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
    /// ||B - A|| / ||A|| in Frobenius norms; nil where A is zero, and for files of clusters.
    let relativeChange: Double?
    /// Falling; nil for the means and for files of clusters.
    let largestChanges: [ComparedWeight]?
}

/// One layer's clusters in A or in B.
struct ComparedClusters: Encodable {
    /// The number looked for.
    var k: Int?
    var clusterability: Double?
    var adjusted: Double?
    var ncut: Double?
    /// The neurons in each cluster; nil for the means.
    var outSizes: [Int]?
    var inSizes: [Int]?
}

/// How far two clusterings of one side of a layer agree.
struct ComparedSide: Encodable {
    /// The neurons that both have in a cluster.
    var neurons: Int?
    /// Those that are left out, because one of the two has them in none.
    var unclustered: Int?
    var adjustedRand: Double?
    var normalizedMutualInformation: Double?
    /// The share of neurons in corresponding clusters, after the best matching of the clusters.
    var matched: Double?

    /// The measures in the order of the columns of every table.
    var measures: [Double?] { [adjustedRand, normalizedMutualInformation, matched] }
}

/// A weight that changed.
struct ComparedWeight: Encodable {
    let out: Int
    let `in`: Int
    /// The place in a convolution's kernel; empty for any other layer.
    let kernel: [Int]
    let a: Double
    let b: Double
}

extension ComparedClusters {
    init(_ clustering: LayerClustering, _ measures: Clusterability? = nil) {
        let k = clustering.clusterCount
        self.init(
            k: k, clusterability: measures?.clusterability, adjusted: measures?.adjusted, ncut: measures?.ncut,
            outSizes: clustering.outLabels.sizes(clusters: k), inSizes: clustering.inLabels.sizes(clusters: k))
    }
}

extension ComparedSide {
    init(_ a: Labels, _ b: Labels) {
        let agreement = ClusteringAgreement(a, b)
        self.init(
            neurons: agreement.neuronCount, unclustered: agreement.unclusteredCount, adjustedRand: agreement.adjustedRand,
            normalizedMutualInformation: agreement.normalizedMutualInformation, matched: agreement.matched)
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
            ComparedClusters(
                clusterability: mean { $0[keyPath: part].clusterability }, adjusted: mean { $0[keyPath: part].adjusted },
                ncut: mean { $0[keyPath: part].ncut })
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

/// One row of a comparison as a line of jsonl.
struct CompareLine: Encodable {
    let report: CompareReport
    /// nil where A or B could not be read.
    let row: ComparedLayer?

    private enum Key: String, CodingKey {
        case schema, version, seed, kind, inputs, method, clusters
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(report.schema, forKey: .schema)
        try container.encode(report.version, forKey: .version)
        try container.encodeIfPresent(report.seed, forKey: .seed)
        try container.encode(report.kind, forKey: .kind)
        try container.encode(report.inputs, forKey: .inputs)
        try container.encodeIfPresent(report.method, forKey: .method)
        try container.encodeIfPresent(report.clusters, forKey: .clusters)
        try row?.encode(to: encoder)
    }
}
