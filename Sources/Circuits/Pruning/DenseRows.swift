import Tensors

/// Rows of any layer of a chain: everything downstream of the row is computed again for every weight.
///
/// The samples go in blocks that stay in the caches, side by side on the team.
final class DenseRows: WeightRows {
    private let target: LossTarget
    private let team: Team
    private let blocks: [DenseBlock]
    /// [classes, samples].
    private let scores: FeatureTable
    private var losses: [Double]
    private var newLosses: [Double] = []
    private var isMoved = false

    private static let block = 128

    init(_ chain: DoubleChain, _ place: Int, weights: ChainWeights, inputs: FeatureTable, target: LossTarget, team: Team) {
        self.target = target
        self.team = team
        scores = FeatureTable(features: target.classes, samples: target.samples)
        let starts = Array(stride(from: 0, to: target.samples, by: Self.block))
        blocks = starts.map { start in
            DenseBlock(
                chain, place, weights: weights, inputs: inputs.selecting(Array(start..<min(target.samples, start + Self.block))),
                first: start)
        }
        losses = []
        forEachBlock { $0.prepare() }
        losses = gathered()
    }

    private func forEachBlock(_ body: @Sendable (DenseBlock) -> Void) {
        let blocks = blocks
        team.forEach(blocks.count) { body(blocks[$0]) }
    }

    private func gathered() -> [Double] {
        for block in blocks { scores.setSamples(from: block.first, to: block.scores) }
        return target.losses(scores)
    }

    var total: Double { losses.reduce(0, +) }

    func begin(_ row: Int) { forEachBlock { $0.begin(row) } }

    func change(without weight: Double, element: Int) -> LossLines.Change {
        forEachBlock { $0.change(without: weight, element: element) }
        isMoved = blocks.contains { $0.isMoved }
        guard isMoved else { return .none }
        newLosses = gathered()
        var change = 0.0
        for (new, old) in zip(newLosses, losses) { change += new - old }
        return .losses(change)
    }

    func accept() {
        for block in blocks { block.accept() }
        if isMoved { losses = newLosses }
    }

    func end() {}
}

/// Some of the samples of ``DenseRows``. One thread at a time works on a block.
private final class DenseBlock: @unchecked Sendable {
    /// The block's first sample among all.
    let first: Int
    private let chain: DoubleChain
    private let place: Int
    private let next: Int
    private let weights: ChainWeights
    private let inputs: FeatureTable
    /// What the next layer with weights adds up to; the scores if there is none.
    private var values: FeatureTable
    private var newValues: FeatureTable
    private var row = 0
    /// The row's output and its values before the next layer, in the current circuit and without a weight.
    private var sums: FeatureTable
    private var newSums: FeatureTable
    private var output: FeatureTable
    private var newOutput: FeatureTable
    private var difference: FeatureTable
    /// The scores in the current circuit, and those being evaluated.
    private var currentScores: FeatureTable
    private(set) var scores: FeatureTable
    /// Whether the weight that was tried last changes anything here.
    private(set) var isMoved = false

    init(_ chain: DoubleChain, _ place: Int, weights: ChainWeights, inputs: FeatureTable, first: Int) {
        self.first = first
        self.chain = chain
        self.place = place
        self.weights = weights
        self.inputs = inputs
        next = chain.next(after: place)
        let samples = inputs.samples
        let plane = chain.steps[place].plane
        sums = FeatureTable(features: plane, samples: samples)
        newSums = FeatureTable(features: plane, samples: samples)
        output = FeatureTable(features: 0, samples: samples)
        newOutput = output
        difference = output
        values =
            next < chain.steps.count
            ? chain.sums(of: next, samples: samples) : FeatureTable(features: chain.steps[next - 1].outFeatures, samples: samples)
        newValues = FeatureTable(features: values.features, samples: samples)
        scores = output
        currentScores = output
    }

    /// Computes what the intact row outputs add up to.
    func prepare() {
        for row in 0..<chain.steps[place].rows {
            let output = chain.rowOutput(place, row, chain.rowSums(place, row, inputs, weights))
            chain.addContribution(output, ofRow: row, to: values, at: next, weights)
        }
        currentScores = chain.output(from: next + 1, values, weights)
        scores = currentScores
    }

    func begin(_ row: Int) {
        self.row = row
        sums = chain.rowSums(place, row, inputs, weights)
        output = chain.rowOutput(place, row, sums)
        difference = FeatureTable(features: output.features, samples: output.samples)
    }

    func change(without weight: Double, element: Int) {
        newSums.copy(from: sums)
        if case .convolution(let shape) = chain.steps[place].operation {
            chain.addElement(shape, row: row, element: element, factor: -weight, inputs, to: newSums, target: 0)
        } else {
            newSums.addProduct([-weight], .init(rows: 0..<1, columns: 0..<1, width: 1), of: inputs, first: element)
        }
        newOutput = chain.rowOutput(place, row, newSums)
        isMoved = difference.setDifference(newOutput, output)
        guard isMoved else {
            scores = currentScores
            return
        }
        newValues.copy(from: values)
        chain.addContribution(difference, ofRow: row, to: newValues, at: next, weights)
        scores = chain.output(from: next + 1, newValues, weights)
    }

    func accept() {
        swap(&sums, &newSums)
        // Equal if nothing moved, but it may be the sums themselves.
        output = newOutput
        guard isMoved else { return }
        swap(&values, &newValues)
        // The scores may be the values themselves, if nothing follows them.
        currentScores = scores
    }
}
