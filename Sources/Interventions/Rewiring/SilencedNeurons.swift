import Networks
import Tensors
import Text

/// The outputs of neurons that are switched off: constants that do not depend on the data and can be added to the biases of their readers.
///
/// A neuron of output 0 stays 0 through relu, gelu, silu, tanh and pools. Sigmoid makes 1/2 of it and batch norm makes
/// bias - mean / root(variance + epsilon) * weight; a layer that reads such a number c adds W c to its bias in all places alike, unless
/// zeros are padded around the image.
struct SilencedNeurons {
    /// What to add to a bias, element by element.
    private(set) var additions: [ParameterID: [Double]] = [:]

    /// The known values of the neurons in a node's output: one number for each, or for each position that a neuron has after flattening.
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
    /// - Throws: ``Problem`` if what they say depends on the data or on the place, or has no bias to go to.
    init(_ flow: NeuronFlow, silenced: Set<NodeID>, removed: [Int], in network: Network) throws(Problem) {
        self.network = network
        self.removed = removed
        count = flow.count
        guard !removed.isEmpty else { return }
        var outputs: [NodeID: Output] = [:]
        for producer in flow.producers {
            outputs[producer] = silenced.contains(producer) ? .constants(MutableTensor.zeros([flow.count])) : .varying
        }
        for (place, node) in network.nodes.enumerated() where outputs[NodeID(place)] == nil {
            let inputs = node.inputs.compactMap { outputs[$0] }
            guard let input = inputs.first else { continue }
            switch node.operation.neurons {
            case .produces(let weights): try read(input, by: node, weights)
            case .elementwise, .multiplies, .windows, .perChannel, .mixes, .adds, .flattens, .fixed:
                outputs[NodeID(place)] = try output(of: node, inputs)
            }
        }
    }

    private func output(of node: Node, _ inputs: [Output]) throws(Problem) -> Output {
        let rule = node.operation.neurons
        switch rule {
        case .mixes:
            throw Problem(
                site: node.site, "mixes all neurons: removing some changes the others", found: node.operation.name)
        case .multiplies:
            // Nothing times anything is nothing.
            for case .constants(let factor) in inputs where !says(factor) { return .constants(MutableTensor.zeros([count])) }
            guard inputs.count == 2, case .constants(let a) = inputs[0], case .constants(let b) = inputs[1], a.count == b.count else {
                return .varying
            }
            return .constants(Tensor(shape: a.shape, zip(a.elements, b.elements).map { $0 * $1 }))
        case .produces, .elementwise, .windows, .perChannel, .adds, .flattens, .fixed: break
        }
        guard case .constants(let constants) = inputs[0] else { return .varying }
        switch rule {
        case .elementwise: return .constants(made(by: node.operation, of: constants, [], scratch: 0))
        case .perChannel:
            let parameters = node.parameters.map { network.values[$0] }
            let channels = parameters.first?.count ?? constants.count
            let input = spread(constants, to: channels).reshaped([1, channels])
            return .constants(made(by: node.operation, of: input, parameters, scratch: 2 * channels).reshaped([channels]))
        case .windows(keepsConstants: false) where says(constants):
            throw Problem(
                site: node.site, "averages what switched-off neurons say with zeros around the image: removing them changes the function")
        case .produces, .multiplies, .windows, .mixes, .adds, .flattens, .fixed: return .constants(constants)
        }
    }

    /// The output of an operation that keeps the shape.
    private func made(by operation: any Networks.Operation, of input: Tensor, _ parameters: [Tensor], scratch: Int) -> Tensor {
        let output = MutableTensor(uninitialized: input.shape)
        operation.forward(
            ForwardPass(
                inputs: [input], parameters: parameters, output: output, scratch: MutableTensor(uninitialized: [scratch]), team: team))
        return output
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

    private mutating func read(_ output: Output, by node: Node, _ weights: NeuronWeights) throws(Problem) {
        guard case .constants(let constants) = output else {
            throw Problem(
                site: node.site,
                "reads neurons whose other factor is switched off to a number that is not 0: removing them changes the function")
        }
        guard says(constants), let inDimension = weights.inDimension else { return }
        guard !weights.padsWithZeros else {
            throw Problem(
                site: node.site,
                "pads with zeros what switched-off neurons say, so that it differs at the border: removing them changes the function")
        }
        let weight = network.values[node.parameters[0]]
        let shape = weight.shape
        let (out, input) = (shape[weights.outDimension], shape[inDimension])
        // The elements of a kernel come after both.
        let kernel = shape[2...].reduce(1, *)
        func stride(_ dimension: Int) -> Int { shape[(dimension + 1)...].reduce(1, *) }
        let strides = (out: stride(weights.outDimension), input: stride(inDimension))
        guard node.parameters.count > 1, network.readers(of: node.parameters[1]).count == 1 else {
            throw Problem(
                site: node.site, "has no bias that could absorb the output of switched-off neurons: removing them changes the function")
        }
        let places = input / count
        let numbers = spread(constants, to: input).elements
        var sums = [Double](repeating: 0, count: out)
        weight.withElements { elements in
            for row in 0..<out {
                for neuron in removed {
                    for place in neuron * places..<(neuron + 1) * places where numbers[place] != 0 {
                        let first = row * strides.out + place * strides.input
                        let sum = (first..<first + kernel).reduce(0.0) { $0 + Double(elements[$1]) }
                        sums[row] += sum * Double(numbers[place])
                    }
                }
            }
        }
        let known = additions[node.parameters[1]]
        additions[node.parameters[1]] = known.map { zip($0, sums).map(+) } ?? sums
    }
}
