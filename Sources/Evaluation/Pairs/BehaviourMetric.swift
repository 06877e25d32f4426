import Glibc
import Tensors
import Text

/// How strongly a run shows a behaviour on one pair, as a number computed from the logits at the last position.
///
/// All are computed in double precision and are valid for logits of any size.
package enum BehaviourMetric: String, Sendable, CaseIterable {
    /// The mean logit of the answers minus the mean logit of the wrong answers: `batch_answer_diffs` of auto-circuit, and with one of each
    /// the logit difference of EAP-IG's data sets.
    case logitDifference = "logit-diff"
    /// sum_i p_i (log p_i - log q_i) in nats, p the clean run's distribution, q the run's: KL(p || q) as in ACDC and EAP-IG.
    case divergence = "kl"
    /// The summed probability of the answers.
    case probability = "prob"
    /// -log of the summed probability of the answers, in nats: with one answer its cross-entropy.
    case loss

    /// The documentation of the metric for help and manual.
    package var documentation: String {
        switch self {
        case .logitDifference: "The mean logit of the answers minus that of the wrong answers."
        case .divergence: "The divergence from the clean run's distribution to the patched run's, in nats."
        case .probability: "The summed probability of the answers."
        case .loss: "The negative logarithm of the summed probability of the answers, in nats."
        }
    }

    /// Whether the clean run's logits are needed.
    package var needsClean: Bool { self == .divergence }

    /// Whether the answers' logits alone are needed.
    package var readsAnswersAlone: Bool { self == .logitDifference }

    /// Checks that the pairs have the answers that the metric reads.
    ///
    /// - Throws: ``Problem`` naming the first pair that lacks them.
    package func check(_ pairs: BehaviourPairs) throws(Problem) {
        guard self != .divergence else { return }
        if let pair = pairs.answers.firstIndex(where: \.isEmpty) {
            throw Problem(pairs.name, "pair \(pair) has no answers, which \(rawValue) reads", hint: .useMetrics(["kl"]))
        }
        guard self == .logitDifference, let pair = pairs.wrongAnswers.firstIndex(where: \.isEmpty) else { return }
        throw Problem(
            pairs.name, "pair \(pair) has no wrong answers, which \(rawValue) compares with", hint: .useMetrics(["prob", "loss", "kl"]))
    }

    /// The value of each pair.
    ///
    /// - Parameters:
    ///   - logits: of the run, [pairs, classes].
    ///   - answers: of the same pairs, such as ``check(_:)`` lets through.
    ///   - clean: the clean run's logits; only ``divergence`` reads them.
    package func values(_ logits: Tensor, _ answers: PairAnswers, clean: Tensor? = nil) -> [Double] {
        check(logits, answers, clean)
        return logits.withElements { elements in
            (0..<logits.rows).map { pair in
                let row = LogitRow(elements, pair, width: logits.width)
                switch self {
                case .logitDifference: return row.mean(answers.right[pair]) - row.mean(answers.wrong[pair])
                case .probability: return exp(row.logSum(answers.right[pair]) - row.total)
                case .loss: return row.total - row.logSum(answers.right[pair])
                case .divergence:
                    guard let clean else { return .nan }
                    return clean.withElements { row.divergence(from: LogitRow($0, pair, width: logits.width)) }
                }
            }
        }
    }

    /// The gradient of each pair's value with respect to its logits, [pairs, classes].
    ///
    /// - Parameters: as of ``values(_:_:clean:)``.
    package func gradient(_ logits: Tensor, _ answers: PairAnswers, clean: Tensor? = nil) -> Tensor {
        check(logits, answers, clean)
        let gradient = MutableTensor.zeros([logits.rows, logits.width])
        let width = logits.width
        gradient.withMutableElements { target in
            logits.withElements { elements in
                for pair in 0..<logits.rows {
                    let row = LogitRow(elements, pair, width: width)
                    let (right, wrong) = (answers.right[pair], answers.wrong[pair])
                    func set(_ place: Int, _ value: Double) { target[pair * width + place] = Float(value) }
                    switch self {
                    case .logitDifference:
                        // A token may be right and wrong.
                        for answer in right { target[pair * width + Int(answer)] += 1 / Float(right.count) }
                        for answer in wrong { target[pair * width + Int(answer)] -= 1 / Float(wrong.count) }
                    case .probability:
                        // dP/dl_i = p_i ([i is an answer] - P).
                        let total = row.total
                        let summed = exp(row.logSum(right) - total)
                        for place in 0..<width { set(place, -exp(row[place] - total) * summed) }
                        for answer in right { set(Int(answer), exp(row[Int(answer)] - total) * (1 - summed)) }
                    case .loss:
                        // p_i - p_i [i is an answer] / P.
                        let (total, summed) = (row.total, row.logSum(right))
                        for place in 0..<width { set(place, exp(row[place] - total)) }
                        for answer in right { set(Int(answer), exp(row[Int(answer)] - total) - exp(row[Int(answer)] - summed)) }
                    case .divergence:
                        clean?.withElements { elements in
                            let clean = LogitRow(elements, pair, width: width)
                            let (total, other) = (row.total, clean.total)
                            for place in 0..<width { set(place, exp(row[place] - total) - exp(clean[place] - other)) }
                        }
                    }
                }
            }
        }
        return gradient
    }

    private func check(_ logits: Tensor, _ answers: PairAnswers, _ clean: Tensor?) {
        precondition(logits.rows == answers.right.count, "\(answers.right.count) answers for logits \(logits.shape)")
        precondition(!needsClean || clean?.count == logits.count, "no clean logits \(logits.shape)")
    }
}

/// One pair's logits, read in double precision; valid inside the closure that gave their memory.
private struct LogitRow {
    private let logits: UnsafeBufferPointer<Float>

    init(_ elements: UnsafeBufferPointer<Float>, _ row: Int, width: Int) {
        logits = UnsafeBufferPointer(rebasing: elements[row * width..<(row + 1) * width])
    }

    subscript(place: Int) -> Double { Double(logits[place]) }

    /// log of the sum of all exponentials: what is subtracted from a logit to give a log-probability.
    var total: Double { LogProbabilities.total(logits) }

    /// log of the sum of the answers' exponentials.
    func logSum(_ answers: [Int32]) -> Double { answers.map { logits[Int($0)] }.withUnsafeBufferPointer(LogProbabilities.total) }

    func mean(_ answers: [Int32]) -> Double { answers.reduce(0) { $0 + self[Int($1)] } / Double(answers.count) }

    /// KL(`reference` || this).
    func divergence(from reference: LogitRow) -> Double { LogProbabilities.divergence(reference.logits, from: logits) }
}
