import Networks
import Tensors

/// One layer of a plain chain as double-precision work on tables of features.
struct ChainStep: Sendable {
    enum Operation: Sendable {
        case linear
        case convolution(ConvolutionShape)
        case activation(ActivationFunction)
        case maxima(WindowAxis, WindowAxis)
        case means(Pooling.Means, Pooling.Means)
        /// scale x + shift, each feature with its own.
        case affine(scale: [Double], shift: [Double])
        case pass
    }

    let operation: Operation
    /// Of linear layers and convolutions.
    let weight: ParameterID?
    /// One for each row of the weight; empty if there is none.
    let bias: [Double]
    let inFeatures: Int
    let outFeatures: Int
    /// The features that one row of the last weight makes, here.
    let plane: Int

    var isWeighted: Bool { weight != nil }
    /// Of weighted steps, the rows of the weight.
    var rows: Int { outFeatures / plane }
    /// Of weighted steps, the length of a row of the weight.
    var rowLength: Int {
        if case .convolution(let shape) = operation { return shape.channels / shape.groups * shape.rows.kernel * shape.columns.kernel }
        return inFeatures
    }
}

/// A plain chain of layers in double precision; nil for networks that are not chains, or that have unknown layers.
struct DoubleChain: Sendable {
    let steps: [ChainStep]
    let inFeatures: Int

    /// - Parameter sampleShape: of one sample, as the network reads it.
    init?(_ network: Network, sampleShape: [Int]) {
        let layers = network.anatomy.layers
        guard case .values = network.input, layers.last?.node == network.output,
            let shapes = try? network.shapes(for: .values([1] + sampleShape))
        else { return nil }
        var steps: [ChainStep] = []
        // The features that one row of the last weight makes.
        var plane = 1
        for layer in layers {
            let node = network.nodes[layer.node.index]
            let (input, output) = (shapes[node.inputs[0].index], shapes[layer.node.index])
            let values = node.parameters.map { network.values[$0] }
            guard let rule = layer.operation.rule(input: input, parameters: values) else { return nil }
            let isWeighted = layer.kind == .weights
            let area = output.dropFirst(2).reduce(1, *)
            let operation: ChainStep.Operation
            switch rule {
            case .linear: (operation, plane) = (.linear, 1)
            case .convolution(let shape): (operation, plane) = (.convolution(shape), area)
            case .activation(let function): operation = .activation(function)
            case .maxima(let rows, let columns): (operation, plane) = (.maxima(rows, columns), area)
            case .means(let rows, let columns): (operation, plane) = (.means(rows, columns), area)
            case .affine(let scale, let shift):
                func spread(_ list: [Double]) -> [Double] { list.flatMap { Array(repeating: $0, count: area) } }
                operation = .affine(scale: spread(scale), shift: spread(shift))
            case .same: operation = .pass
            }
            steps.append(
                ChainStep(
                    operation: operation, weight: isWeighted ? node.parameters[0] : nil,
                    bias: isWeighted && values.count > 1 ? values[1].elements.map(Double.init) : [],
                    inFeatures: input.dropFirst().reduce(1, *), outFeatures: output.dropFirst().reduce(1, *), plane: plane))
        }
        guard let last = steps.last, last.outFeatures == network.outputWidth, steps.contains(where: \.isWeighted) else { return nil }
        self.steps = steps
        inFeatures = sampleShape.reduce(1, *)
    }

    /// The places of the steps with weights.
    var weighted: [Int] { steps.indices.filter { steps[$0].isWeighted } }

    /// The next step with weights after a step; the number of steps if there is none.
    func next(after step: Int) -> Int { steps.indices.first { $0 > step && steps[$0].isWeighted } ?? steps.count }
}

/// Weights of a chain in double precision, by step, each in the order of its tensor.
typealias ChainWeights = [Int: [Double]]

extension DoubleChain {
    func weights(of network: Network) -> ChainWeights {
        var weights: ChainWeights = [:]
        for (place, step) in steps.enumerated() {
            if let parameter = step.weight { weights[place] = network.values[parameter].elements.map(Double.init) }
        }
        return weights
    }

    /// The whole output of a step.
    func output(of place: Int, _ x: FeatureTable, _ weights: ChainWeights) -> FeatureTable {
        let step = steps[place]
        guard step.isWeighted else { return pointwise(place, x, features: 0..<step.outFeatures) }
        let y = sums(of: place, samples: x.samples)
        if case .linear = step.operation {
            y.addProduct(weights[place] ?? [], .init(rows: 0..<step.rows, columns: 0..<step.inFeatures, width: step.inFeatures), of: x)
        } else {
            for row in 0..<step.rows { addRow(place, row, x, weights, to: y, target: row * step.plane) }
        }
        return y
    }

    /// The output of the steps from `first` on.
    func output(from first: Int, _ x: FeatureTable, _ weights: ChainWeights) -> FeatureTable {
        var values = x
        for place in first..<max(first, steps.count) { values = output(of: place, values, weights) }
        return values
    }

    /// The biases of a step with weights, where its sums begin.
    func sums(of place: Int, samples: Int) -> FeatureTable {
        let step = steps[place]
        let y = FeatureTable(features: step.outFeatures, samples: samples)
        for (row, bias) in step.bias.enumerated() { y.fill(row * step.plane..<(row + 1) * step.plane, with: bias) }
        return y
    }

    /// The output of one row of a step's weight, with its bias: [plane, samples].
    func rowSums(_ place: Int, _ row: Int, _ x: FeatureTable, _ weights: ChainWeights) -> FeatureTable {
        let step = steps[place]
        let y = FeatureTable(features: step.plane, samples: x.samples)
        if !step.bias.isEmpty { y.fill(with: step.bias[row]) }
        addRow(place, row, x, weights, to: y, target: 0)
        return y
    }

    private func addRow(_ place: Int, _ row: Int, _ x: FeatureTable, _ weights: ChainWeights, to y: FeatureTable, target: Int) {
        let step = steps[place]
        guard let values = weights[place] else { return }
        switch step.operation {
        case .linear:
            y.addProduct(values, .init(rows: row..<row + 1, columns: 0..<step.inFeatures, width: step.inFeatures), of: x, to: target)
        case .convolution(let shape):
            for element in 0..<step.rowLength {
                let weight = values[row * step.rowLength + element]
                if weight != 0 { addElement(shape, row: row, element: element, factor: weight, x, to: y, target: target) }
            }
        default: break
        }
    }

    /// One element of a filter: its factor times the plane that it sees.
    func addElement(
        _ shape: ConvolutionShape, row: Int, element: Int, factor: Double, _ x: FeatureTable, to y: FeatureTable, target: Int
    ) {
        let kernel = shape.rows.kernel * shape.columns.kernel
        let group = row / (shape.filters / shape.groups)
        let channel = group * (shape.channels / shape.groups) + element / kernel
        y.addTap(element % kernel, shape, factor: factor, of: x, first: channel * shape.rows.length * shape.columns.length, to: target)
    }

    /// The output of the steps between `place` and the next one with weights for a row's sums: [plane of the last of them, samples].
    func rowOutput(_ place: Int, _ row: Int, _ sums: FeatureTable) -> FeatureTable {
        var values = sums
        for between in (place + 1)..<max(place + 1, next(after: place)) {
            let plane = steps[between].plane
            values = pointwise(between, values, features: row * plane..<(row + 1) * plane)
        }
        return values
    }

    /// A step without weights on some of its features, which are whole planes.
    private func pointwise(_ place: Int, _ x: FeatureTable, features: Range<Int>) -> FeatureTable {
        func copied() -> FeatureTable {
            let y = FeatureTable(features: x.features, samples: x.samples)
            y.copy(from: x)
            return y
        }
        switch steps[place].operation {
        case .activation(let function):
            let y = copied()
            y.activate(function)
            return y
        case .affine(let scale, let shift):
            let y = copied()
            for (index, feature) in features.enumerated() { y.scale(index..<index + 1, by: scale[feature], adding: shift[feature]) }
            return y
        case .maxima(let rows, let columns):
            let y = FeatureTable(features: features.count, samples: x.samples)
            y.setMaxima(of: x, rows: rows, columns: columns)
            return y
        case .means(let rows, let columns):
            let y = FeatureTable(features: features.count, samples: x.samples)
            y.setMeans(of: x, rows: rows, columns: columns)
            return y
        case .pass, .linear, .convolution: return x
        }
    }

    /// Adds to the sums of the step `next` what a row before it gives them; `next` may be the end, whose sums are the scores.
    func addContribution(_ output: FeatureTable, ofRow row: Int, to y: FeatureTable, at next: Int, _ weights: ChainWeights) {
        let first = row * output.features
        guard next < steps.count, let values = weights[next] else {
            let identity = [1.0]
            for feature in 0..<output.features {
                y.addProduct(identity, .init(rows: 0..<1, columns: 0..<1, width: 1), of: output, first: feature, to: first + feature)
            }
            return
        }
        let step = steps[next]
        switch step.operation {
        case .linear:
            y.addProduct(
                values, .init(rows: 0..<step.rows, columns: first..<first + output.features, width: step.inFeatures), of: output)
        case .convolution(let shape):
            let kernel = shape.rows.kernel * shape.columns.kernel
            let (channels, filters) = (shape.channels / shape.groups, shape.filters / shape.groups)
            for filter in row / channels * filters..<(row / channels + 1) * filters {
                for tap in 0..<kernel {
                    let weight = values[filter * step.rowLength + row % channels * kernel + tap]
                    if weight != 0 { y.addTap(tap, shape, factor: weight, of: output, first: 0, to: filter * step.plane) }
                }
            }
        default: break
        }
    }
}
