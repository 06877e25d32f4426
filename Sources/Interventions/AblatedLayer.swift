import Archives
import Checkpoints
import Modularity
import Networks
import Tensors
import Text

/// A layer whose clusters are switched: where it is in the network, and which neurons are in which cluster.
///
/// The neurons of a router are experts: what is switched is what they add, their outputs times their weights.
package struct AblatedLayer: Sendable {
    package let layer: Layer
    /// The node whose output the layer's out-neurons are, before the nonlinearity if there is one; for a router the experts' contributions.
    package let node: NodeID
    /// The elements of the node's output that are one out-neuron: 1, or the width of what an expert adds.
    let outputsPerNeuron: Int
    /// Whether the layer is a router, whose out-neurons are experts.
    package let isRouter: Bool
    package let parameter: ParameterID
    package let clustering: LayerClustering
    /// The products with the layer or with what is computed of it.
    private let products: [NodeID]
    /// Whether the network multiplies by what it computes of the layer, not by the layer.
    let isComputed: Bool
    /// The site of a product whose neurons are not the layer's out-neurons, if no output's are: only the weights can be switched.
    private let otherProduct: String?
    /// Neurons without weights, which are in no cluster and do not change.
    package let isolatedCount: Int

    /// A layer whose out-neurons what is computed of it moves or joins has no output of its own, and is refused where one is asked for.
    ///
    /// - Throws: ``Problem`` if the network does not read the layer as a matrix of neurons, or the clusters do not partition it.
    package init(_ layer: Layer, in network: Network, clustering: LayerClustering) throws {
        self.layer = layer
        self.clustering = clustering
        guard let parameter = network.parameter(named: layer.name) else {
            throw Problem(layer: layer.name, "the network does not read it")
        }
        self.parameter = parameter
        let places = LayerPlaces(of: layer, parameter, in: network)
        guard let node = places.outputs.first?.node ?? places.others.first else {
            throw Problem(
                layer: layer.name, "its rows are not the neurons of an output of the network",
                expected: "a layer with \(layer.outNeurons) outputs")
        }
        products = places.products
        isComputed = places.isComputed || places.outputs.isEmpty
        otherProduct = places.outputs.isEmpty ? network.nodes[node.index].site : nil
        if let experts = network.anatomy.blocks.compactMap(\.experts).first(where: { $0.router == node }) {
            self.node = experts.contributions
            (outputsPerNeuron, isRouter) = (experts.width(in: network), true)
        } else {
            self.node = node
            (outputsPerNeuron, isRouter) = (1, false)
        }
        guard clustering.outLabels.count == layer.outNeurons, clustering.inLabels.count == layer.inNeurons else {
            throw Problem(
                layer: layer.name, "the clusters belong to another layer",
                expected: "\(layer.outNeurons) out- and \(layer.inNeurons) in-neurons",
                found: "\(clustering.outLabels.count) and \(clustering.inLabels.count)")
        }
        isolatedCount = clustering.outLabels.isolatedCount
        try checkIsolated()
    }

    /// The nodes that multiply by the layer's matrix, or by what is computed of it, in either direction: several where the network applies one layer
    /// several times, or its weights again the other way round.
    var places: [NodeID] { isRouter ? [node] : Set(products + [node]).sorted() }

    /// Whether the layer's out-neurons are the neurons of one output.
    var hasOneOutput: Bool { otherProduct == nil && places.count == 1 }

    /// Checks that the layer's out-neurons are the neurons of one output.
    ///
    /// - Parameter alternative: what is possible for other layers; nil if nothing is.
    /// - Throws: ``Problem`` if there are several, or if what is computed of the layer gives no output its out-neurons.
    package func checkThatItHasOneOutput(in network: Network, orElse alternative: String? = nil) throws(Problem) {
        let rest = alternative.map { ", or \($0)" } ?? ""
        if let otherProduct {
            throw Problem(
                layer: layer.name,
                "its out-neurons are no output's: what is computed of it moves or joins them before the product '\(otherProduct)'",
                expected: "a layer whose rows stay where they are\(rest)")
        }
        guard places.count > 1 else { return }
        throw Problem(
            layer: layer.name, "is read in several places, whose outputs are not the same neurons",
            expected: "a layer that is read once\(rest)",
            found: "sites " + places.map { "'\(network.nodes[$0.index].site)'" }.joined(separator: ", "))
    }

    /// Clusters partition a layer: only neurons without any weight may be in none.
    private func checkIsolated() throws {
        guard clustering.outLabels.isolatedCount + clustering.inLabels.isolatedCount > 0 else { return }
        let sums = try layer.weights().absoluteSums()
        for (side, labels, totals) in [("out", clustering.outLabels, sums.rows), ("in", clustering.inLabels, sums.columns)] {
            for (neuron, label) in labels.values.enumerated() where label == Labels.none && totals[neuron] > 0 {
                throw Problem(
                    layer: layer.name, "\(side)-neuron \(neuron) has weights and is in no cluster",
                    expected: "clusters that partition the layer",
                    found: "\(labels.isolatedCount) of \(totals.count) \(side)-neurons without one")
            }
        }
    }

    package var clusterCount: Int { clustering.clusterCount }

    /// The elements of the node's output that out-neurons are.
    func outputs(of neurons: [Int]) -> [Int] {
        outputsPerNeuron == 1 ? neurons : neurons.flatMap { Array($0 * outputsPerNeuron..<($0 + 1) * outputsPerNeuron) }
    }

    /// The network's weight with everything but the wanted rows and columns set to 0, written to `target`.
    ///
    /// - Parameters:
    ///   - keepsRow: whether an out-neuron's weights stay.
    ///   - keepsColumn: whether an in-neuron's weights stay.
    func writeMasked(_ weight: Tensor, to target: MutableTensor, keepsRow: [Bool], keepsColumn: [Bool]) {
        let (blocks, first, second, inner): (Int, Int, Int, Int)
        switch layer.layout {
        case .asStored(let out, let input): (blocks, first, second, inner) = (1, out, input, 1)
        case .convolution(let out, let input, let kernel): (blocks, first, second, inner) = (1, out, input, kernel)
        case .transposed(let count, let input, let out): (blocks, first, second, inner) = (count, input, out, 1)
        case .transposedConvolution(let filters):
            (blocks, first, second, inner) = (filters.groups, filters.inputs, filters.outputs, filters.kernel)
        }
        let isTransposed = layer.isInFirst
        target.copy(from: weight)
        target.withMutableElements { elements in
            for block in 0..<blocks {
                for i in 0..<first {
                    for j in 0..<second {
                        let row = isTransposed ? block * second + j : i
                        let column = isTransposed ? i : j
                        if keepsRow[row], keepsColumn[column] { continue }
                        let start = ((block * first + i) * second + j) * inner
                        for place in start..<start + inner { elements[place] = 0 }
                    }
                }
            }
        }
    }
}

extension Problem {
    init(layer: String, _ what: String, expected: String? = nil, found: String? = nil) {
        self.init(what, subject: "layer '\(layer)'", expected: expected, found: found)
    }
}
