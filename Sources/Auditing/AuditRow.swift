import Checkpoints
import Modularity

/// What an audit says of one checkpoint.
package struct AuditRow: Sendable, Equatable {
    /// The scores of one layer, or their means.
    package struct Scores: Sendable, Equatable {
        /// The layer's name; nil for the mean over the layers.
        package let layer: String?
        /// The number of clusters; nil if it differs between layers.
        package let k: Int?
        /// In the order of ``Measure/allCases``; nil where it is undefined.
        package let measures: [Double?]
        /// nil if none was requested.
        package var null: Null?

        package subscript(measure: Measure) -> Double? { zip(Measure.allCases, measures).first { $0.0 == measure }?.1 }
    }

    /// The clusterability of shuffled weights.
    package struct Null: Sendable, Equatable {
        package let samples: Int
        package let mean: Double?
        package let sd: Double?
        package let z: Double?
        package let p: Double?
        /// The smallest false discovery rate at which the layer counts as more modular than noise; only ``completed(_:)`` knows it.
        package var q: Double?
    }

    /// All layers with one number of clusters.
    package struct Result: Sendable, Equatable {
        package let k: Int?
        package var layers: [Scores]
        package var mean: Scores
        /// The n-cut of the graph of all layers, for the network method.
        package let networkNcut: Double?
    }

    /// What kind of model it is.
    package struct Model: Sendable, Equatable {
        /// As of ``Checkpoint/container``.
        package let container: String
        package let family: String
        /// As `info` counts them.
        package let parameters: Int
        /// The types in which tensors are stored, each once.
        package let dtypes: [String]
        /// How weights are encoded, each once; empty if they are stored as they are.
        package let encodings: [String]
        /// The steps of training that the file records.
        package let step: Int?
        /// How many tensors hold no layer that is scored, by the reason.
        package let leftOut: [LeftOutCount]
    }

    /// Tensors that are not scored for one reason.
    package struct LeftOutCount: Sendable, Equatable {
        package let reason: String
        package let count: Int
    }

    /// The path from the root of the search.
    package let name: String
    package internal(set) var status: AuditStatus
    /// Why the status is not ok.
    package internal(set) var reason: String?
    /// The model that an adapter was merged into.
    package internal(set) var base: String?
    /// The bytes of all files.
    package let size: Int
    /// When the youngest file was changed, in nanoseconds since 1970.
    package internal(set) var modified: Int
    /// What identifies the state of the files without reading them: their names, sizes and times.
    package internal(set) var fingerprint: String
    /// The SHA-256 of the files that hold the weights.
    package internal(set) var sha256: String?
    /// The SHA-256 of the weights whatever the container; see ``WeightsDigest``.
    package internal(set) var weightsSHA256: String?
    /// The first row with the same weights; only ``completed(_:)`` knows it.
    package internal(set) var sameAs: String?
    package internal(set) var model: Model?
    package internal(set) var findings: [Finding] = []
    /// One for each number of clusters.
    package internal(set) var results: [Result] = []

    /// A row of a checkpoint of which nothing else is known: the worker has ended, or work begins.
    package init(checkpoint: FoundCheckpoint, status: AuditStatus, reason: String?) {
        name = checkpoint.name
        self.status = status
        self.reason = reason
        base = checkpoint.base
        size = checkpoint.files.reduce(0) { $0.addingReportingOverflow($1.size).partialValue }
        modified = checkpoint.files.map(\.modified).max() ?? 0
        fingerprint = checkpoint.fingerprint
    }

    init(name: String, status: AuditStatus, reason: String?, base: String?, size: Int, modified: Int, fingerprint: String) {
        self.name = name
        self.status = status
        self.reason = reason
        self.base = base
        self.size = size
        self.modified = modified
        self.fingerprint = fingerprint
    }

    /// How many things of one kind were found.
    package func count(of kind: Finding.Kind) -> Int {
        findings.reduce(0) { $1.kind == kind ? $0.addingReportingOverflow($1.count).partialValue : $0 }
    }

    /// The values of a measure that summaries show: the mean over the layers with the first number of clusters.
    package subscript(measure: Measure) -> Double? { results.first?.mean[measure] }
}
