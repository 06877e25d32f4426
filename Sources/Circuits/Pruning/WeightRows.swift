import Tensors

/// The rows of one weight matrix, visited in turn, whose weights are removed on trial.
protocol WeightRows: AnyObject {
    /// The sum of the losses in the current circuit.
    var total: Double { get }
    /// Turns to a row.
    func begin(_ row: Int)
    /// The change of the sum of the losses without a weight of the row.
    func change(without weight: Double, element: Int) -> LossLines.Change
    /// Removes the weight that was tried last.
    func accept()
    /// Leaves the row.
    func end()
}

/// Rows of a linear layer whose tail is made of straight pieces; see ``LossLines``.
final class LineRows: WeightRows {
    private let chain: DoubleChain
    private let place: Int
    private let weights: ChainWeights
    private let inputs: FeatureTable
    /// The layer's output, [rows, samples].
    private let sums: FeatureTable
    private let lines: LossLines

    /// Nil if the layer is not a linear one or its tail is not made of straight pieces.
    init?(_ chain: DoubleChain, _ place: Int, weights: ChainWeights, inputs: FeatureTable, target: LossTarget) {
        let next = chain.next(after: place)
        guard case .linear = chain.steps[place].operation, let tail = chain.tail(from: next, weights),
            chain.steps[place..<next].allSatisfy({ $0.plane == 1 })
        else { return nil }
        self.chain = chain
        self.place = place
        self.weights = weights
        self.inputs = inputs
        sums = chain.output(of: place, inputs, weights)
        var values = sums
        for between in (place + 1)..<max(place + 1, min(next + 1, chain.steps.count)) {
            values = chain.output(of: between, values, weights)
        }
        lines = LossLines(target, tail: tail, values: values)
    }

    var total: Double { lines.total }

    func begin(_ row: Int) {
        let own = FeatureTable(features: 1, samples: sums.samples)
        own.copy(1, from: sums, first: row)
        let steps: [LossLines.NeuronStep] = chain.steps[(place + 1)..<max(place + 1, chain.next(after: place))].compactMap { step in
            switch step.operation {
            case .activation(let function): .activation(function)
            case .affine(let scale, let shift): .affine(scale: scale[row], shift: shift[row])
            default: nil
            }
        }
        lines.begin(sums: own, steps: steps, column: chain.column(row, after: place, weights))
    }

    func change(without weight: Double, element: Int) -> LossLines.Change {
        lines.change(reducing: weight, inputs: inputs, feature: element)
    }

    func accept() { lines.accept() }
    func end() { lines.end() }
}

extension DoubleChain {
    /// The tail after the sums of the step `next`, or after the scores if that is the end; nil if it is not made of straight
    /// pieces.
    func tail(from next: Int, _ weights: ChainWeights) -> PiecewiseTail? {
        guard next < steps.count else { return PiecewiseTail(width: steps[steps.count - 1].outFeatures, steps: []) }
        guard case .linear = steps[next].operation else { return nil }
        var parts: [PiecewiseTail.Step] = []
        for place in (next + 1)..<max(next + 1, steps.count) {
            switch steps[place].operation {
            case .linear:
                guard let values = weights[place] else { return nil }
                let (rows, columns) = (steps[place].rows, steps[place].inFeatures)
                let bias = steps[place].bias.isEmpty ? [Double](repeating: 0, count: rows) : steps[place].bias
                let transposed = (0..<columns * rows).map { values[$0 % rows * columns + $0 / rows] }
                parts.append(.linear(columns: transposed, bias: bias))
            case .activation(.relu): parts.append(.rectify)
            case .affine(let scale, let shift): parts.append(.affine(scale: scale, shift: shift))
            case .pass: break
            default: return nil
            }
        }
        return PiecewiseTail(width: steps[next].outFeatures, steps: parts)
    }

    /// What one unit of a row's output adds to each sum of the next step with weights.
    func column(_ row: Int, after place: Int, _ weights: ChainWeights) -> [Double] {
        let next = next(after: place)
        guard next < steps.count, let values = weights[next] else {
            return (0..<steps[steps.count - 1].outFeatures).map { $0 == row ? 1 : 0 }
        }
        let width = steps[next].inFeatures
        return (0..<steps[next].rows).map { values[$0 * width + row] }
    }
}
