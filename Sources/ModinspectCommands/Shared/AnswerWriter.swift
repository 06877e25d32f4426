import Evaluation
import Interventions

/// Writes every answer under every intervention, sample by sample: first the intact model's, then the layers' interventions.
struct AnswerWriter {
    private let stream: ResultStream
    private let format: ReportFormat

    init(_ stream: ResultStream, format: ReportFormat) throws {
        self.stream = stream
        self.format = format
        if format == .tsv { try stream.write(AblatedAnswer.columns.header()) }
    }

    func write(_ batch: ClusterAblation.BatchAnswers, layers: [AblatedLayer]) throws {
        for place in 0..<batch.intact.count {
            try write(batch.intact, place, layer: nil, intervention: "intact", cluster: nil)
            for (index, rows) in batch.layers.enumerated() {
                let count = layers[index].clusterCount
                for (row, answers) in rows.enumerated() {
                    try write(
                        answers, place, layer: layers[index].layer.name,
                        intervention: ClusterAblation.Switch.allCases[row / max(count, 1)].rawValue, cluster: row % max(count, 1))
                }
            }
        }
    }

    private func write(_ answers: Answers, _ place: Int, layer: String?, intervention: String, cluster: Int?) throws {
        let answer = AblatedAnswer(
            sample: answers.samples[place], position: answers.positions[place], target: answers.targets[place], layer: layer,
            intervention: intervention, cluster: cluster, prediction: answers.predictions[place], correct: answers.isCorrect(place),
            loss: answers.losses[place])
        if format == .tsv {
            try stream.write(AblatedAnswer.columns.tsv(answer))
        } else {
            try stream.write(try ReportEncoder.bytes(of: Joined(AnswerHead(), answer), isIndented: false))
        }
    }
}
