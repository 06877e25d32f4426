import Circuits

/// The settings of a search for circuits, at the head of every json document and line.
struct CircuitSetting: Encodable {
    static let schema = "modinspect.circuit/1"

    /// The data as the user named it.
    let data: String
    /// The data that circuits are judged on; nil if that is a part of ``data``.
    let eval: String?
    let method: String
    let objective: String?
    let tolerance: Double?
    /// The precision of the numbers that decide.
    let precision: String?
}

/// The result of `circuit`, as one json document.
struct CircuitReport: HeadedReport {
    let provenance: Provenanced<CircuitSetting>
    /// The samples that circuits are found with.
    let samples: Int
    /// The intact model on the data that circuits are judged on.
    let heldOut: JudgedCircuit
    let circuits: [PrunedCircuit]

    var head: Provenanced<CircuitSetting> { provenance }

    static let members: [Column<CircuitReport>] = [
        .json("samples", "The number of samples used in the search.") { $0.samples },
        .json("intact", "The intact model on the held-out data.") { $0.heldOut },
        .json("circuits", "In the order of the labels; one for the whole model without labels.") { $0.circuits },
    ]
}

/// One circuit of weights.
struct PrunedCircuit: ColumnRow {
    /// nil if it is the whole model's.
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
    /// nil if nothing was resampled.
    let bootstrap: ResampledCircuit?
    let layers: [KeptLayer]

    struct KeptLayer: ColumnRow {
        let layer: String
        let shape: [Int]
        let kept: Int
        let weights: Int
        /// The places of the kept weights in the tensor.
        let places: [Int]
        /// For each of them the share of the circuits of resampled samples that have it; nil without any.
        let returned: [Double]?

        static let columns: [Column<KeptLayer>] = [
            .text("layer", "The tensor's name.") { $0.layer },
            .shape("shape", "The tensor's own.") { $0.shape },
            .whole("kept", "The number of weights that the circuit keeps.") { $0.kept },
            .whole("weights", "The number of weights that are not zero in the intact model.") { $0.weights },
            .json("places", "The indices of the kept weights in the flattened (row-major) tensor.") { $0.places },
            .json("returned", "For each of them, the share of the circuits found on resampled data that contain it.") { $0.returned },
        ]
    }

    static let columns: [Column<PrunedCircuit>] = found + judged + compared

    private static let found: [Column<PrunedCircuit>] = [
        .whole("label", "The label that the circuit is for; missing for the whole model.") { $0.label },
        .whole("samples", "The number of samples that the objective depends on.") { $0.samples },
        .whole("kept", "The number of weights that the circuit keeps.") { $0.kept },
        .whole("weights", "The number of weights that are not zero in the intact model.") { $0.weights },
        .number("size", "The effective circuit size, kept / weights.") { $0.size },
        .number("intactLoss", "The mean of the objective over its samples, for the intact model.") { $0.intactLoss },
        .number("loss", "The same for the circuit.") { $0.loss },
        .flag("degenerate", "Whether at least 99% of the held-out samples get the same answer although it is right for fewer.") {
            $0.degenerate
        },
    ]

    private static let judged: [Column<PrunedCircuit>] = JudgedCircuit.columns.map { column in
        column.within("heldOut") { (circuit: PrunedCircuit) in circuit.heldOut }
    }

    private static let compared: [Column<PrunedCircuit>] = [
        .json("control.masks", "The number of random masks with the same number of weights in each layer; missing without any.") {
            $0.control?.masks
        },
        .number("control.accuracy", "The mean over the masks of the value under held_out.") { $0.control?.accuracy },
        .number("control.divergence", "Likewise.") { $0.control?.divergence },
        .number("control.labelDivergence", "Likewise.") { $0.control?.labelDivergence },
        .number("control.recall", "Likewise.") { $0.control?.recall },
        .number("control.falseAlarms", "Likewise.") { $0.control?.falseAlarms },
        .json("bootstrap.resamples", "The number of resamplings; missing if there are none.") { $0.bootstrap?.resamples },
        .number("bootstrap.overlap", "The mean intersection over union of the circuit with the circuits found on resampled data.") {
            $0.bootstrap?.overlap
        },
        .json("layers", "The kept weights of each layer.") { $0.layers },
    ]

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

/// The results of a circuit run alone on held-out data.
struct JudgedCircuit: ColumnRow {
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

    static let columns: [Column<JudgedCircuit>] = [
        .json("samples", "The number of samples that it is judged on.") { $0.samples },
        .number("accuracy", "The share of right answers.") { $0.accuracy },
        .json("loss", "The mean cross-entropy in nats.") { $0.loss },
        .number("divergence", "The mean of KL(intact || circuit) over the samples, in nats.") { $0.divergence },
        .number("labelDivergence", "The same for the two outcomes, the label and any other; missing without a label.") {
            $0.labelDivergence
        },
        .number("recall", "The share of the label's samples that are answered with it.") { $0.recall },
        .number("falseAlarms", "The share of other samples that are answered with the label.") { $0.falseAlarms },
        .whole("commonAnswer", "The class that is answered most often, the first if several are.") { $0.commonAnswer },
        .number("commonShare", "The share of the samples that get this answer.") { $0.commonShare },
        .json("classes", "The classes, as those of eval.") { $0.classes },
    ]

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
        self.classes = classes ? verdict.outcome.evaluatedClasses([:]) : []
    }
}

/// The same for random masks that keep the same number of weights in each layer.
struct JudgedControl: Sendable {
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
