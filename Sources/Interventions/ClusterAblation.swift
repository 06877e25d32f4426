import Evaluation
import Modularity
import Networks
import Tensors

/// How clusters of a layer are switched off and on, and against what they are compared [Golechha et al., section 5].
package struct ClusterAblation: Sendable {
    /// What is removed.
    package enum Reading: String, Sendable, CaseIterable {
        /// The outputs of the out-neurons are replaced, before the nonlinearity.
        case activations
        /// The weights of the out-neurons' rows and the in-neurons' columns are set to 0.
        case weights

        /// The documentation of the value for help and manual.
        package var documentation: String {
            switch self {
            case .activations: "The outputs of the layer's neurons, before the nonlinearity, are replaced by the fill."
            case .weights: "The rows of the neurons and the columns of the in-neurons of the same cluster are set to 0."
            }
        }
    }

    /// What replaces an output that is switched off.
    package enum Fill: String, Sendable, CaseIterable {
        case zero
        /// The neuron's mean over the data and all positions.
        case mean
        /// The output for another sample, drawn under the seed.
        case resample

        /// The documentation of the replacement for help and manual.
        package var documentation: String {
            switch self {
            case .zero: "0."
            case .mean: "The neuron's mean over the data and all positions."
            case .resample: "The neuron's output for another sample."
            }
        }
    }

    /// Which neurons are switched.
    package enum Switch: String, Sendable, CaseIterable {
        /// Type 1: the cluster is off, the rest stays.
        case off
        /// Type 2: the cluster stays, the rest is off.
        case on
    }

    package var reading: Reading
    package var fill: Fill
    /// How many random clusterings of the same sizes are ablated in addition to the given one.
    package var controls: Int
    package var seed: UInt64

    package init(reading: Reading = .activations, fill: Fill = .zero, controls: Int = 0, seed: UInt64 = 0) {
        self.reading = reading
        self.fill = fill
        self.controls = controls
        self.seed = seed
    }
}

/// The result of an ablation.
package struct AblationResult: Sendable {
    /// The intact model.
    package internal(set) var intact: Outcome
    package internal(set) var layers: [Layer]

    /// One layer's clusters.
    package struct Layer: Sendable {
        package let name: String
        package let site: String
        package let clusterCount: Int
        package internal(set) var rows: [Row]
        /// How many answers that the intact model gets right become wrong under exactly 0, 1, ..., k of the clusters' interventions.
        package internal(set) var dependence: [ClusterAblation.Switch: [Int]]
    }

    /// One intervention.
    package struct Row: Sendable {
        package let kind: ClusterAblation.Switch
        package let cluster: Int
        /// The out-neurons that were switched.
        package let neurons: Int
        package internal(set) var outcome: Outcome
        /// The change of the layer's output.
        package internal(set) var change = InterventionChange()
        /// Sum of squares of the layer's intact output over all samples.
        package internal(set) var squaredOutput = 0.0
        package internal(set) var control: Control?

        /// The root of the summed squared changes over that of the layer's intact output; nil for an output of zeros.
        package var relativeChange: Double? {
            squaredOutput > 0 ? (change.squaredChange / squaredOutput).squareRoot() : nil
        }

        /// Whether the intervention changed no activation; its measures are then undefined.
        package var movedNothing: Bool { change.changed == 0 }
    }

    /// The same intervention on random sets of the same number of neurons.
    package struct Control: Sendable, Equatable {
        package let samples: Int
        /// Extreme is what does as much harm for OFF, as little for ON.
        package let accuracy: RandomComparison
        /// Likewise.
        package let loss: RandomComparison
    }
}

extension AblationResult.Control {
    /// - Parameters:
    ///   - observed: the cluster's outcome.
    ///   - random: the outcomes of random sets of the same number of neurons.
    init(_ kind: ClusterAblation.Switch, observed: Outcome, random: [Outcome]) {
        samples = random.count
        func compared(_ value: KeyPath<Outcome, Double?>, _ isExtreme: (Double, Double) -> Bool) -> RandomComparison {
            RandomComparison(
                observed[keyPath: value], among: random.map { $0[keyPath: value] }, isDefined: { !$0.isNaN }, isExtreme: isExtreme)
        }
        accuracy = compared(\.accuracy, kind == .off ? (<=) : (>=))
        loss = compared(\.loss, kind == .off ? (>=) : (<=))
    }
}
