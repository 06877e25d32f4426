import Tensors
import Text

/// The weight graph of a model: neurons as nodes, and for each layer the edges |W_ij| from its in-neurons to its out-neurons.
///
/// Weights are loaded one layer at a time and not kept: a graph needs memory for the layers in use, not for the model.
package struct WeightGraph: Sendable {
    /// One layer's weights, [out, in], read when they are requested.
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
        /// The weights of some rows, in single precision; nil where they cannot be read by themselves.
        let readRows: (@Sendable (Range<Int>) throws -> WeightMatrix)?

        /// - Parameters:
        ///   - readRows: rows of the weights in single precision, for layers that are too large to be in memory twice.
        ///   - read: the weights, [rows, columns].
        package init(
            name: String, place: Int, rows: Int, columns: Int, readRows: (@Sendable (Range<Int>) throws -> WeightMatrix)? = nil,
            read: @escaping @Sendable () throws -> WeightMatrix
        ) {
            self.readRows = readRows
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
        /// - Throws: ``Problem`` for weights that are not finite, and what reading throws.
        package func weights() throws -> WeightMatrix { try read() }
    }

    /// In the model's order.
    package let layers: [Layer]

    package init(layers: [Layer]) {
        self.layers = layers
    }

    /// How many in-neurons of `next` each out-neuron of `layer` feeds: 1 if the layers follow each other directly,
    /// more if the channels of a convolution are flattened into a linear layer, channel by channel.
    ///
    /// - Throws: ``Problem`` if the layers cannot follow each other.
    package static func fanOut(from layer: Layer, to next: Layer) throws(Problem) -> Int {
        guard layer.rows > 0, next.columns % layer.rows == 0, next.columns >= layer.rows else {
            throw .brokenChain(layer: next.name, columns: next.columns, previous: layer.name, rows: layer.rows)
        }
        return next.columns / layer.rows
    }
}
