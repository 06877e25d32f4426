import Datasets
import Evaluation
import Networks
import Tensors

/// The samples of a run, ready to be used in any order.
struct TrainingSamples: Sendable {
    let batches: SampleBatches
    /// All samples as the network reads them, [samples] + shape, if they need little memory: reading them again in every epoch costs
    /// more.
    private let values: Tensor?

    /// The elements that are kept.
    private static let largestKept = 1 << 26

    init(_ batches: SampleBatches) {
        self.batches = batches
        guard case .values(let values) = batches.dataset.inputs,
            !values.count.multipliedReportingOverflow(by: values.valuesPerSample).overflow,
            values.count * values.valuesPerSample <= Self.largestKept, values.valuesPerSample > 0,
            case .values(let tensor) = batches.batch(of: Array(0..<batches.dataset.count))
        else {
            self.values = nil
            return
        }
        self.values = tensor
    }

    /// The network's input for samples of one shape.
    func batch(of samples: ArraySlice<Int>, team: Team) -> Batch {
        guard let values else { return batches.batch(of: Array(samples)) }
        let target = MutableTensor(uninitialized: [samples.count] + values.shape.dropFirst())
        let width = values.count / values.shape[0]
        TableRows.gather(
            values.reshaped([values.shape[0], width]), .rows, into: target, team: team, entry: { samples[samples.startIndex + $0] })
        return .values(target)
    }

    /// The samples in runs of one length, at most `size` in each, their order kept within a length.
    func chunks(of samples: ArraySlice<Int>, size: Int) -> [ArraySlice<Int>] {
        var groups: [ArraySlice<Int>] = []
        if case .tokens = batches.dataset.inputs {
            var byLength: [Int: [Int]] = [:]
            for sample in samples { byLength[batches.length(of: sample), default: []].append(sample) }
            groups = byLength.sorted { $0.key < $1.key }.map { $0.value[...] }
        } else {
            groups = [samples]
        }
        return groups.flatMap { group in
            stride(from: group.startIndex, to: group.endIndex, by: size).map { group[$0..<min(group.endIndex, $0 + size)] }
        }
    }

    /// The answers that samples ask for.
    func answerCount(of samples: ArraySlice<Int>) -> Int {
        switch batches.dataset.targets {
        case .labels, .answers, .numbers, .inputs: samples.count
        case .masked(let answers): samples.reduce(0) { $0 + answers[$1].count }
        case .nextToken: samples.reduce(0) { $0 + max(batches.length(of: $1) - 1, 0) }
        case .none: 0
        }
    }
}
