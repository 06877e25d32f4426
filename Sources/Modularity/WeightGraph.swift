import Tensors
import Text

/// The weight graph of a model: neurons as nodes, and for each layer the edges |W_ij| from its in-neurons to its out-neurons.
///
/// Weights are loaded a layer at a time and not kept: a graph needs memory for the layers being looked at, not for the model.
package struct WeightGraph: Sendable {
    /// One layer's weights, [out, in], read when they are asked for.
    package struct Layer: Sendable {
        /// The name of the tensor.
        package let name: String
        /// The place among the model's weight matrices: random choices depend on it, not on the name.
        package let place: Int
        /// The number of out-neurons.
        package let rows: Int
        /// The number of in-neurons.
        package let columns: Int
        private let read: @Sendable () throws -> WeightMatrix

        /// - Parameter read: the weights, [rows, columns].
        package init(name: String, place: Int, rows: Int, columns: Int, read: @escaping @Sendable () throws -> WeightMatrix) {
            self.name = name
            self.place = place
            self.rows = rows
            self.columns = columns
            self.read = read
        }

        /// A layer whose weights are in memory.
        package init(name: String, place: Int, weights: WeightMatrix) {
            self.init(name: name, place: place, rows: weights.rows, columns: weights.columns) { weights }
        }

        /// The weights, all of them finite.
        ///
        /// - Throws: ``ModularityError/nonFinite(layer:nan:infinite:)``, and what reading throws.
        package func weights() throws -> WeightMatrix { try read() }
    }

    /// In the model's order.
    package let layers: [Layer]

    package init(layers: [Layer]) {
        self.layers = layers
    }

    /// How many in-neurons of `next` each out-neuron of `layer` feeds: 1 where the layers follow each other directly,
    /// more where the channels of a convolution are flattened into a linear layer, channel by channel.
    ///
    /// - Throws: ``ModularityError/brokenChain(layer:columns:previous:rows:)`` where the layers cannot follow each other.
    package static func fanOut(from layer: Layer, to next: Layer) throws(ModularityError) -> Int {
        guard layer.rows > 0, next.columns % layer.rows == 0, next.columns >= layer.rows else {
            throw .brokenChain(layer: next.name, columns: next.columns, previous: layer.name, rows: layer.rows)
        }
        return next.columns / layer.rows
    }
}

/// Why a weight graph could not be clustered or measured.
package enum ModularityError: ProblemConvertible, Sendable, Equatable, CustomStringConvertible {
    /// A layer has weights that are not numbers or not finite.
    case nonFinite(layer: String, nan: Int, infinite: Int)
    /// Two layers that should follow each other do not.
    case brokenChain(layer: String, columns: Int, previous: String, rows: Int)
    /// Given labels are not one for each neuron.
    case labelCount(layer: String, side: String, expected: Int, found: Int)
    /// Given clusters say nothing of a layer.
    case missingLabels(layer: String)
    /// The gradient method was not given a layer's similarities.
    case missingSimilarities(layer: String)
    /// Similarities are not one for each neuron.
    case similarityCount(layer: String, expected: [Int], found: [Int])
    /// No layer to look at.
    case noLayers

    package var asProblem: Problem {
        switch self {
        case .nonFinite(let layer, let nan, let infinite):
            Problem(
                "weights that are not finite", subject: "tensor '\(layer)'", expected: "numbers",
                found: "\(nan) NaN and \(infinite) infinite", hint: .leaveOutLayer(layer))
        case .brokenChain(let layer, let columns, let previous, let rows):
            Problem(
                "does not follow '\(previous)'", subject: "tensor '\(layer)'", expected: "a multiple of \(rows) in-neurons",
                found: "\(columns)")
        case .labelCount(let layer, let side, let expected, let found):
            Problem(
                "the clusters do not fit its \(side) side", subject: "tensor '\(layer)'", expected: "\(expected) neurons",
                found: "\(found)")
        case .missingLabels(let layer): Problem("no clusters are given for it", subject: "tensor '\(layer)'")
        case .missingSimilarities(let layer): Problem("no similarities are given for it", subject: "tensor '\(layer)'")
        case .similarityCount(let layer, let expected, let found):
            Problem(
                "the similarities do not fit it", subject: "tensor '\(layer)'",
                expected: "\(expected[0]) out- and \(expected[1]) in-neurons", found: "\(found[0]) and \(found[1])")
        case .noLayers: Problem("no weight matrix to look at")
        }
    }

    package var description: String { asProblem.summary }
}
