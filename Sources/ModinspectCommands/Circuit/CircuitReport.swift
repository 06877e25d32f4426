import Circuits

/// What a search for circuits was, at the head of every json document and line.
struct CircuitSetting: Encodable {
    static let schema = "modinspect.circuit/1"

    /// The data as the user named it.
    let data: String
    /// The data that circuits are judged by; nil where that is a part of ``data``.
    let eval: String?
    let method: String
    let objective: String?
    let tolerance: Double?
    /// Of the numbers that decide.
    let precision: String?
}

/// What `circuit` found, as one json document.
struct CircuitReport: Encodable {
    let provenance: Provenanced<CircuitSetting>
    /// The samples that circuits are looked for with.
    let samples: Int
    /// The intact model on the data that circuits are judged by.
    let heldOut: JudgedCircuit
    let circuits: [PrunedCircuit]

    private enum CodingKeys: String, CodingKey {
        case samples, intact, circuits
    }

    func encode(to encoder: any Encoder) throws {
        try provenance.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(samples, forKey: .samples)
        try container.encode(heldOut, forKey: .intact)
        try container.encode(circuits, forKey: .circuits)
    }
}

/// One circuit of weights.
struct PrunedCircuit: Encodable {
    /// nil where it is the whole model's.
    let label: Int?
    /// The samples that the objective looked at.
    let samples: Int
    let kept: Int
    /// Those that are not zero in the intact model.
    let weights: Int
    /// The effective circuit size: kept over weights.
    let size: Double?
    /// The objective's mean loss or divergence on the samples, of the intact model and of the circuit.
    let intactLoss: Double?
    let loss: Double?
    /// Whether nearly all held-out samples get the same answer, although it is not right for nearly all.
    let degenerate: Bool
    let heldOut: JudgedCircuit
    let control: JudgedControl?
    /// nil where no samples were drawn anew.
    let bootstrap: ResampledCircuit?
    let layers: [KeptLayer]

    struct KeptLayer: Encodable {
        let layer: String
        let shape: [Int]
        let kept: Int
        let weights: Int
        /// The places of the kept weights in the tensor.
        let places: [Int]
        /// For each of them the share of the circuits of resampled samples that have it; nil without any.
        let returned: [Double]?
    }

    init(_ circuit: WeightPruning.Circuit) {
        label = circuit.objective.label
        samples = circuit.samples
        kept = circuit.mask.keptCount
        weights = circuit.mask.weightCount
        size = circuit.mask.effectiveSize
        intactLoss = circuit.intactLoss
        loss = circuit.loss
        degenerate = circuit.verdict.isDegenerate
        heldOut = JudgedCircuit(circuit.verdict, classes: true)
        control = circuit.controls.isEmpty ? nil : JudgedControl(circuit.controls)
        bootstrap = circuit.bootstrap.map(ResampledCircuit.init)
        layers = circuit.mask.layers.enumerated().map { place, layer in
            KeptLayer(
                layer: layer.name, shape: layer.shape, kept: layer.keptCount, weights: layer.weightCount, places: layer.kept,
                returned: circuit.returned(layer: place))
        }
    }
}

/// How a circuit that is run alone answers held-out data.
struct JudgedCircuit: Encodable {
    let samples: Int
    let accuracy: Double?
    let loss: Double?
    let divergence: Double
    let labelDivergence: Double?
    let recall: Double?
    let falseAlarms: Double?
    let commonAnswer: Int
    let commonShare: Double
    let classes: [EvaluatedClass]

    init(_ verdict: CircuitVerdict, classes: Bool) {
        samples = verdict.outcome.total.count
        accuracy = verdict.outcome.accuracy
        loss = verdict.outcome.loss
        divergence = verdict.divergence
        labelDivergence = verdict.labelDivergence
        recall = verdict.recall
        falseAlarms = verdict.falseAlarms
        commonAnswer = verdict.commonAnswer
        commonShare = verdict.commonShare
        self.classes = classes ? verdict.outcome.evaluatedClasses : []
    }
}

/// The same of random masks that keep as many weights of each layer.
struct JudgedControl: Encodable {
    let masks: Int
    let accuracy: Double?
    let divergence: Double?
    let labelDivergence: Double?
    let recall: Double?
    let falseAlarms: Double?

    init(_ verdicts: [CircuitVerdict]) {
        func mean(_ value: (CircuitVerdict) -> Double?) -> Double? {
            let values = verdicts.compactMap(value)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        masks = verdicts.count
        accuracy = mean(\.outcome.accuracy)
        divergence = mean(\.divergence)
        labelDivergence = mean(\.labelDivergence)
        recall = mean(\.recall)
        falseAlarms = mean(\.falseAlarms)
    }
}
