import Evaluation
import Interventions

/// What an ablation and its surroundings were, at the head of every json document and line.
struct AblationProvenance: Encodable {
    static let schema = "modinspect.ablate/1"

    let schema = Self.schema
    let version = modinspectVersion
    let seed: UInt64
    let checkpoint: CheckpointSource
    /// The data as the user named it.
    let data: String
    /// The file of the clusters.
    let clusters: String
    let reading: String
    let fill: String
}

/// What `ablate` found, as one json document.
struct AblateReport: Encodable {
    let provenance: AblationProvenance
    let samples: Int
    let answers: Int
    let intact: AblatedOutcome
    let layers: [AblatedLayerReport]

    private enum CodingKeys: String, CodingKey {
        case samples, answers, intact, layers
    }

    func encode(to encoder: any Encoder) throws {
        try provenance.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(samples, forKey: .samples)
        try container.encode(answers, forKey: .answers)
        try container.encode(intact, forKey: .intact)
        try container.encode(layers, forKey: .layers)
    }
}

/// How well a model answers, changed or not.
struct AblatedOutcome: Encodable {
    let accuracy: Double?
    let loss: Double?
    let classes: [EvaluatedClass]

    init(_ outcome: Outcome) {
        accuracy = outcome.accuracy
        loss = outcome.loss
        classes = outcome.evaluatedClasses
    }
}

/// One layer's interventions.
struct AblatedLayerReport: Encodable {
    let layer: String
    let site: String
    let k: Int
    let interventions: [AblatedRow]
    /// How many answers that the intact model gets right become wrong under 0, 1, ..., k of the clusters' interventions.
    let dependence: Dependence

    struct Dependence: Encodable {
        let off: [Int]
        let on: [Int]
    }

    init(_ found: AblationResult.Layer) {
        layer = found.name
        site = found.site
        k = found.clusterCount
        interventions = found.rows.map { AblatedRow(layer: found.name, $0) }
        dependence = Dependence(off: found.dependence[.off] ?? [], on: found.dependence[.on] ?? [])
    }
}

/// One intervention, or the intact model.
struct AblatedRow: Encodable {
    let layer: String?
    /// `intact`, `off` or `on`.
    let intervention: String
    let cluster: Int?
    /// The out-neurons that were switched.
    let neurons: Int
    /// Whether the layer's output changed at all; where it did not, the outcome is no result and left out.
    let moved: Bool
    /// The root of the summed squared changes of the layer's output over that of the output.
    let relativeChange: Double?
    /// The mean absolute change of an activation that was switched.
    let meanChange: Double?
    let accuracy: Double?
    let loss: Double?
    let classes: [EvaluatedClass]
    let control: AblatedControl?

    init(layer: String, _ row: AblationResult.Row) {
        self.layer = layer
        intervention = row.kind.rawValue
        cluster = row.cluster
        neurons = row.neurons
        moved = !row.movedNothing
        relativeChange = row.relativeChange
        meanChange = row.change.elements > 0 ? row.change.absoluteChange / Double(row.change.elements) : nil
        accuracy = row.movedNothing ? nil : row.outcome.accuracy
        loss = row.movedNothing ? nil : row.outcome.loss
        classes = row.movedNothing ? [] : row.outcome.evaluatedClasses
        control = row.movedNothing ? nil : row.control.map(AblatedControl.init)
    }

    init(intact outcome: Outcome) {
        layer = nil
        intervention = "intact"
        cluster = nil
        neurons = 0
        moved = false
        relativeChange = nil
        meanChange = nil
        accuracy = outcome.accuracy
        loss = outcome.loss
        classes = outcome.evaluatedClasses
        control = nil
    }
}

/// The same intervention on random sets of as many neurons.
struct AblatedControl: Encodable {
    let samples: Int
    let accuracy: Comparison
    let loss: Comparison

    struct Comparison: Encodable {
        let mean: Double?
        let standardDeviation: Double?
        let p: Double?

        init(_ found: AblationResult.Control.Comparison) {
            mean = found.mean
            standardDeviation = found.standardDeviation
            p = found.p
        }
    }

    init(_ control: AblationResult.Control) {
        samples = control.samples
        accuracy = Comparison(control.accuracy)
        loss = Comparison(control.loss)
    }
}

/// One intervention, or the intact model, as a line of jsonl.
struct AblateLine: Encodable {
    let provenance: AblationProvenance
    let row: AblatedRow

    func encode(to encoder: any Encoder) throws {
        try provenance.encode(to: encoder)
        try row.encode(to: encoder)
    }
}

/// One answer under one intervention, or of the intact model, as a line of jsonl.
struct AblatedAnswer: Encodable {
    let schema = AblationProvenance.schema
    let sample: Int
    /// The place in the sequence at which the answer is given.
    let position: Int
    let target: Int32
    let layer: String?
    let intervention: String
    let cluster: Int?
    let prediction: Int32
    let correct: Bool
    let loss: Double?
}
