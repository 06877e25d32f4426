import Evaluation
import Modularity
import Networks
import Tensors

/// How clusters of a layer are switched off and on, and against what they are compared [Golechha et al., section 5].
public struct ClusterAblation: Sendable {
    /// What is taken away.
    public enum Reading: String, Sendable, CaseIterable {
        /// The outputs of the out-neurons are replaced, before the nonlinearity.
        case activations
        /// The weights of the out-neurons' rows and the in-neurons' columns are set to 0.
        case weights
    }

    /// What is put in an output's place.
    public enum Fill: String, Sendable, CaseIterable {
        case zero
        /// The neuron's mean over the data and all positions.
        case mean
        /// The output for another sample, drawn under the seed.
        case resample
    }

    /// Which neurons are switched.
    public enum Switch: String, Sendable, CaseIterable {
        /// Type 1: the cluster is off, the rest stays.
        case off
        /// Type 2: the cluster stays, the rest is off.
        case on
    }

    public var reading: Reading
    public var fill: Fill
    /// How many random clusterings of the same sizes are ablated beside the given one.
    public var controls: Int
    public var seed: UInt64

    public init(reading: Reading = .activations, fill: Fill = .zero, controls: Int = 0, seed: UInt64 = 0) {
        self.reading = reading
        self.fill = fill
        self.controls = controls
        self.seed = seed
    }
}

/// What an ablation found.
public struct AblationResult: Sendable {
    /// The model as it is.
    public internal(set) var intact: Outcome
    public internal(set) var layers: [Layer]

    /// One layer's clusters.
    public struct Layer: Sendable {
        public let name: String
        public let site: String
        public let clusterCount: Int
        public internal(set) var rows: [Row]
        /// How many answers that the intact model gets right become wrong under exactly 0, 1, ..., k of the clusters' interventions.
        public internal(set) var dependence: [ClusterAblation.Switch: [Int]]
    }

    /// One intervention.
    public struct Row: Sendable {
        public let kind: ClusterAblation.Switch
        public let cluster: Int
        /// The out-neurons that were switched.
        public let neurons: Int
        public internal(set) var outcome: Outcome
        /// What the intervention did to the layer's output.
        public internal(set) var change = InterventionChange()
        /// Sum of squares of the layer's intact output over all samples.
        public internal(set) var squaredOutput = 0.0
        public internal(set) var control: Control?

        /// The root of the summed squared changes over that of the layer's intact output; nil for an output of zeros.
        public var relativeChange: Double? {
            squaredOutput > 0 ? (change.squaredChange / squaredOutput).squareRoot() : nil
        }

        /// Whether the intervention changed no activation at all, which makes its outcome no result.
        public var movedNothing: Bool { change.changed == 0 }
    }

    /// The same intervention on random sets of as many neurons.
    public struct Control: Sendable, Equatable {
        public let samples: Int
        public let accuracy: Comparison
        public let loss: Comparison

        /// Where a value lies among the random ones.
        public struct Comparison: Sendable, Equatable {
            public let mean: Double?
            /// With n - 1 in the denominator; nil for fewer than two.
            public let standardDeviation: Double?
            /// (1 + the random sets that do at least as much) / (n + 1): as much harm for OFF, as little for ON.
            public let p: Double?
        }
    }
}

extension AblationResult.Control {
    /// - Parameters:
    ///   - observed: the cluster's outcome.
    ///   - random: the outcomes of random sets of as many neurons.
    init(_ kind: ClusterAblation.Switch, observed: Outcome, random: [Outcome]) {
        samples = random.count
        accuracy = Comparison(observed.accuracy, random.map(\.accuracy), isExtreme: kind == .off ? (<=) : (>=))
        loss = Comparison(observed.loss, random.map(\.loss), isExtreme: kind == .off ? (>=) : (<=))
    }
}

extension AblationResult.Control.Comparison {
    init(_ observed: Double?, _ random: [Double?], isExtreme: (Double, Double) -> Bool) {
        let values = random.compactMap { $0 }.filter { !$0.isNaN }
        guard let observed, !observed.isNaN, !values.isEmpty, values.count == random.count else {
            mean = nil
            standardDeviation = nil
            p = nil
            return
        }
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        standardDeviation =
            values.count > 1
            ? (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot() : nil
        p = Double(1 + values.count { isExtreme($0, observed) }) / Double(values.count + 1)
    }
}
