import Tensors

/// The loss of a model whose outputs are numbers: for each sample the mean of the squared differences to the wanted numbers.
package enum SquaredError {
    /// The loss of each sample, summed in double precision.
    ///
    /// - Parameters:
    ///   - outputs: [samples, ...].
    ///   - wanted: as many numbers, sample by sample.
    package static func losses(_ outputs: Tensor, wanted: [Float], samples: Int) -> [Double] {
        let values = outputs.elements
        precondition(values.count == wanted.count && samples > 0, "\(values.count) outputs, \(wanted.count) wanted numbers")
        let width = values.count / samples
        return (0..<samples).map { sample in
            var sum = 0.0
            for place in sample * width..<(sample + 1) * width {
                let difference = Double(values[place]) - Double(wanted[place])
                sum += difference * difference
            }
            return sum / Double(max(width, 1))
        }
    }

    /// gradient = 2 (output - wanted) weight / width: the gradient of weight times the sum of the losses.
    package static func writeGradient(_ outputs: Tensor, wanted: [Float], samples: Int, weight: Double, into gradient: MutableTensor) {
        let values = outputs.elements
        precondition(values.count == wanted.count && samples > 0, "\(values.count) outputs, \(wanted.count) wanted numbers")
        let factor = Float(2 * weight / Double(max(values.count / samples, 1)))
        gradient.withMutableElements { target in
            for place in values.indices { target[place] = factor * (values[place] - wanted[place]) }
        }
    }
}

/// What the outputs of some samples are compared with.
package enum WantedOutputs {
    /// A class or token for each row of scores; -1 for rows that nobody asks about.
    case classes([Int32])
    /// Numbers, as many as there are outputs.
    case numbers([Float])
}
