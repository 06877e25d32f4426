import Networks
import Tensors

/// What neurons that are switched off go on saying: numbers that do not depend on the data, which the biases of their readers can take up.
///
/// A neuron of output 0 stays 0 through relu, gelu, silu, tanh and pools. Sigmoid makes 1/2 of it and batch norm makes
/// bias - mean / root(variance + epsilon) * weight; a layer that reads such a number c adds W c to its bias in all places alike, unless zeros are
/// padded around the image.
struct SilencedNeurons {
    /// What to add to a bias, element by element.
    private(set) var additions: [ParameterID: [Double]] = [:]

    /// What is known of the neurons in a node's output: one number for each, or for each of the places that a neuron has after flattening.
    private enum Output {
        case constants(Tensor)
        case varying
    }

    private let network: Network
    private let count: Int
    private let removed: [Int]
    private let team = Team(size: 1)

    /// - Parameters:
    ///   - silenced: the layers of the flow whose outputs are 0.
    ///   - removed: the neurons that are switched off.
    /// - Throws: ``RewiringError`` where what they say depends on the data or on the place, or has no bias to go to.
    init(_ flow: NeuronFlow, silenced: Set<NodeID>, removed: [Int], in network: Network) throws(RewiringError) {
        self.network = network
        self.removed = removed
        count = flow.count
        guard !removed.isEmpty else { return }
        var outputs: [NodeID: Output] = [:]
        for producer in flow.producers { outputs[producer] = silenced.contains(producer) ? .constants(.zeros([flow.count])) : .varying }
        for (place, node) in network.nodes.enumerated() where outputs[NodeID(place)] == nil {
            let inputs = node.inputs.compactMap { outputs[$0] }
            guard let input = inputs.first else { continue }
            if node.operation is Linear || node.operation is Convolution {
                try read(input, by: node)
            } else {
                outputs[NodeID(place)] = try output(of: node, inputs)
            }
        }
    }

    private func output(of node: Node, _ inputs: [Output]) throws(RewiringError) -> Output {
        switch node.operation {
        case is LayerNorm, is RMSNorm, is Softmax:
            throw RewiringError(
                site: node.site, "looks at all neurons at once: removing some changes the others", found: node.operation.name)
        case is GatedProduct:
            // Nothing times anything is nothing.
            for case .constants(let factor) in inputs where !says(factor) { return .constants(.zeros([count])) }
            guard inputs.count == 2, case .constants(let a) = inputs[0], case .constants(let b) = inputs[1], a.count == b.count else {
                return .varying
            }
            return .constants(Tensor(shape: a.shape, zip(a.elements, b.elements).map { $0 * $1 }))
        default: break
        }
        guard case .constants(let constants) = inputs[0] else { return .varying }
        switch node.operation {
        case let activation as Activation:
            let target = Tensor(uninitialized: constants.shape)
            activation.function.apply(to: constants, into: target, team: team)
            return .constants(target)
        case let norm as BatchNorm:
            let parameters = node.parameters.map { network.values[$0] }
            let channels = parameters[0].count
            let target = Tensor(uninitialized: [1, channels])
            norm.forward(
                ForwardPass(
                    inputs: [spread(constants, to: channels).reshaped([1, channels])], parameters: parameters, output: target,
                    scratch: Tensor(uninitialized: [2 * channels]), team: team))
            return .constants(target.reshaped([channels]))
        case let pool as AveragePool where !pool.keepsConstants && says(constants):
            throw RewiringError(
                site: node.site, "averages what switched-off neurons say with zeros around the image: removing them changes the function")
        default: return .constants(constants)
        }
    }

    /// Whether any of the neurons is not 0.
    private func says(_ constants: Tensor) -> Bool {
        let places = constants.count / count
        return constants.withElements { elements in
            removed.contains { neuron in (0..<places).contains { elements[neuron * places + $0] != 0 } }
        }
    }

    /// Each neuron's numbers repeated for all its places, `length` in all.
    private func spread(_ constants: Tensor, to length: Int) -> Tensor {
        let repeats = length / constants.count
        guard repeats > 1 else { return constants }
        return Tensor(shape: [length], constants.elements.flatMap { [Float](repeating: $0, count: repeats) })
    }

    private mutating func read(_ input: Output, by node: Node) throws(RewiringError) {
        guard case .constants(let constants) = input else {
            throw RewiringError(
                site: node.site,
                "reads neurons whose other factor is switched off to a number that is not 0: removing them changes the function")
        }
        guard says(constants) else { return }
        let weight = network.values[node.parameters[0]]
        let shape = weight.shape
        // The strides of an out-neuron, an in-neuron, and an element of a kernel.
        let (out, input, kernel): (Int, Int, Int)
        let strides: (out: Int, input: Int)
        if let convolution = node.operation as? Convolution {
            guard convolution.padding == (0, 0) else {
                throw RewiringError(
                    site: node.site,
                    "pads with zeros what switched-off neurons say, so that it differs at the border: removing them changes the function")
            }
            (out, input, kernel) = (shape[0], shape[1], shape[2...].reduce(1, *))
            strides = (input * kernel, kernel)
        } else {
            let isTransposed = (node.operation as? Linear)?.layout == .inOut
            (out, input, kernel) = isTransposed ? (shape[1], shape[0], 1) : (shape[0], shape[1], 1)
            strides = isTransposed ? (1, out) : (input, 1)
        }
        guard node.parameters.count > 1, network.readers(of: node.parameters[1]).count == 1 else {
            throw RewiringError(
                site: node.site, "has no bias of its own for what switched-off neurons say: removing them changes the function")
        }
        let places = input / count
        let numbers = spread(constants, to: input).elements
        var sums = [Double](repeating: 0, count: out)
        weight.withElements { weights in
            for row in 0..<out {
                for neuron in removed {
                    for place in neuron * places..<(neuron + 1) * places where numbers[place] != 0 {
                        let first = row * strides.out + place * strides.input
                        let sum = (first..<first + kernel).reduce(0.0) { $0 + Double(weights[$1]) }
                        sums[row] += sum * Double(numbers[place])
                    }
                }
            }
        }
        let known = additions[node.parameters[1]]
        additions[node.parameters[1]] = known.map { zip($0, sums).map(+) } ?? sums
    }
}
