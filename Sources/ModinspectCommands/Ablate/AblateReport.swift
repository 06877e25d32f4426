import Evaluation
import Interventions

/// The settings of an ablation, at the head of every json document and line.
struct AblationSetting: Encodable {
    static let schema = "modinspect.ablate/2"

    /// The data as the user named it.
    let data: String
    /// The file of the clusters.
    let clusters: String
    let reading: String
    let fill: String
}

/// The result of `ablate`, as one json document.
struct AblateReport: HeadedReport {
    let provenance: Provenanced<AblationSetting>
    let samples: Int
    let answers: Int
    let intact: AblatedOutcome
    let layers: [AblatedLayerReport]

    /// Whether there are right answers; a regression has none.
    var hasAccuracy: Bool { intact.accuracy != nil }

    var head: Provenanced<AblationSetting> { provenance }

    static let members: [Column<AblateReport>] = [
        .json("samples", "The number of them.") { $0.samples },
        .json("answers", "The number of answers.") { $0.answers },
        .json("intact", "The unchanged model.") { $0.intact },
        .json("layers", "The layers whose clusters were switched.") { $0.layers },
    ]
}

/// How well a model answers, changed or not.
struct AblatedOutcome: Encodable {
    let accuracy: Double?
    let loss: Double?
    let classes: [EvaluatedClass]

    /// - Parameter names: those of the classes.
    init(_ outcome: Outcome, _ names: [Int: String]) {
        accuracy = outcome.accuracy
        loss = outcome.loss
        classes = outcome.evaluatedClasses(names)
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

    init(_ found: AblationResult.Layer, _ names: [Int: String]) {
        layer = found.name
        site = found.site
        k = found.clusterCount
        interventions = found.rows.map { AblatedRow(layer: found.name, $0, names) }
        dependence = Dependence(off: found.dependence[.off] ?? [], on: found.dependence[.on] ?? [])
    }
}

/// One intervention, or the intact model.
struct AblatedRow: ColumnRow {
    let layer: String?
    /// `intact`, `off` or `on`.
    let intervention: String
    let cluster: Int?
    /// The out-neurons that were switched.
    let neurons: Int
    /// Whether the layer's output changed at all; if it did not, there is no outcome.
    let moved: Bool
    /// The root of the summed squared changes of the layer's output over that of the output.
    let relativeChange: Double?
    /// The mean absolute change of an activation that was switched.
    let meanChange: Double?
    let accuracy: Double?
    let loss: Double?
    let classes: [EvaluatedClass]
    let control: AblatedControl?

    static let columns: [Column<AblatedRow>] = [
        .text("layer", "The layer whose clusters were switched; missing for the intact model.") { $0.layer },
        .text("intervention", "`intact`, `off` or `on`.") { $0.intervention },
        .whole("cluster", "The cluster; missing for the intact model.") { $0.cluster },
        .whole("neurons", "The number of switched out-neurons.") { $0.neurons },
        .flag("moved", "Whether the layer's output changed; if it did not, the measures are undefined.") { $0.moved },
        .number("relativeChange", "The norm of the change of the layer's output divided by the norm of the output.") {
            $0.relativeChange
        },
        .number("meanChange", "The mean absolute change of an activation that was switched.") { $0.meanChange },
        .number("accuracy", "The share of right answers.") { $0.accuracy },
        .number("loss", "The mean cross-entropy in nats.") { $0.loss },
        .json("classes", "By the class of the right answer.") { $0.classes },
        .json("control.samples", "The number of random sets of the same number of neurons.") { $0.control?.samples },
        .number("control.accuracy.mean", "The mean accuracy under them.") { $0.control?.accuracy.mean },
        .number("control.accuracy.sd", "Its standard deviation.") { $0.control?.accuracy.standardDeviation },
        .number("control.accuracy.p", "The share of sets that do at least as much harm, or answer at least as well.") {
            $0.control?.accuracy.p
        },
        .number("control.loss.mean", "The same for the loss.") { $0.control?.loss.mean },
        .number("control.loss.sd", "The same for the loss.") { $0.control?.loss.standardDeviation },
        .number("control.loss.p", "The same for the loss.") { $0.control?.loss.p },
    ]

    init(layer: String, _ row: AblationResult.Row, _ names: [Int: String]) {
        self.layer = layer
        intervention = row.kind.rawValue
        cluster = row.cluster
        neurons = row.neurons
        moved = !row.movedNothing
        relativeChange = row.relativeChange
        meanChange = row.change.elements > 0 ? row.change.absoluteChange / Double(row.change.elements) : nil
        accuracy = row.movedNothing ? nil : row.outcome.accuracy
        loss = row.movedNothing ? nil : row.outcome.loss
        classes = row.movedNothing ? [] : row.outcome.evaluatedClasses(names)
        control = row.movedNothing ? nil : row.control.map(AblatedControl.init)
    }

    init(intact outcome: Outcome, _ names: [Int: String]) {
        layer = nil
        intervention = "intact"
        cluster = nil
        neurons = 0
        moved = false
        relativeChange = nil
        meanChange = nil
        accuracy = outcome.accuracy
        loss = outcome.loss
        classes = outcome.evaluatedClasses(names)
        control = nil
    }
}

/// The same intervention on random sets of the same number of neurons.
struct AblatedControl: Sendable {
    let samples: Int
    let accuracy: Comparison
    let loss: Comparison

    struct Comparison: Sendable {
        let mean: Double?
        let standardDeviation: Double?
        let p: Double?

        init(_ found: RandomComparison) {
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

/// One answer under one intervention, or of the intact model, as a line of jsonl.
struct AblatedAnswer: ColumnRow {
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

    static let columns: [Column<AblatedAnswer>] = [
        .whole("sample", "The sample, from 0.") { $0.sample },
        .whole("position", "The position in the sequence at which the answer is given.") { $0.position },
        .whole("target", "The right answer.") { Int($0.target) },
        .text("layer", "The layer whose clusters were switched; missing for the intact model.") { $0.layer },
        .text("intervention", "`intact`, `off` or `on`.") { $0.intervention },
        .whole("cluster", "The cluster; missing for the intact model.") { $0.cluster },
        .whole("prediction", "The answer.") { Int($0.prediction) },
        .flag("correct", "Whether it is right.") { $0.correct },
        .number("loss", "The cross-entropy in nats.") { $0.loss },
    ]
}

/// The first members of every line of answers.
struct AnswerHead: Encodable {
    let schema = AblationSetting.schema
}
