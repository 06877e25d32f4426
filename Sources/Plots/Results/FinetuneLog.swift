/// The steps of a training run.
struct FinetuneLog: DrawnResult {
    struct Step: Sendable {
        var step: Int
        var loss: Double?
        var crossEntropy: Double?
        var clusterability: Double?
        var layers: [Double?]
        var evaluationLoss: Double?
        var guardLoss: Double?
    }

    var head = ResultHead()
    var total: Int?
    var lambda: Double?
    var batch: Int?
    var layers: [String] = []
    /// By their numbers; of two with one number, as a resumed run may have them, the later one.
    var steps: [Step] = []

    mutating func add(_ record: ResultRow) {
        if record.has("schema") {
            head = ResultHead(record)
            (total, lambda, batch) = (record.whole("steps"), record.number("lambda"), record.whole("batch"))
            layers = record.texts("layers") ?? []
            return
        }
        guard let number = record.whole("step") else { return }
        while let last = steps.last, last.step >= number { steps.removeLast() }
        steps.append(
            Step(
                step: number, loss: record.number("loss"), crossEntropy: record.number("crossEntropy"),
                clusterability: record.number("clusterability"), layers: record.numbers("layers") ?? [],
                evaluationLoss: record.number("evaluation.loss"), guardLoss: record.number("guard.loss")))
    }
}
