/// Where the nodes and edges of a layered graph are drawn: layers from bottom to top, few crossings, nothing above another.
///
/// The same graph gives the same layout. Hundreds of nodes and thousands of edges take well under a second.
package struct LayeredLayout: Sendable {
    /// A node before it has a place.
    package struct Node: Hashable, Sendable {
        /// Any numbers, of which only the order counts: the lowest is at the bottom, empty layers are left out.
        package var layer: Int
        /// The width in pixels, above 0.
        package var width: Double

        package init(layer: Int, width: Double) {
            self.layer = layer
            self.width = width
        }
    }

    /// The nodes of each layer from the bottom, from left to right.
    package let layers: [[Int]]
    /// The place among `layers` of each node.
    package let layer: [Int]
    /// The centre of each node from the left.
    package let centres: [Double]
    /// Where each edge passes the layers between those of its ends, from the lower end to the upper.
    package let passages: [[Double]]
    /// The width that is taken: the room there was, or more where a layer does not fit.
    package let width: Double
    /// How often edges cross, as far as they join different layers.
    package let crossings: Int
    /// How often they would cross with the nodes in the order in which they came, each edge a straight line.
    package let initialCrossings: Int

    /// - Parameters:
    ///   - edges: pairs of nodes; the direction does not matter. Edges within a layer count neither for order nor place.
    ///   - gap: the least distance between two nodes of a layer.
    ///   - width: the room there is.
    package init(nodes: [Node], edges: [(from: Int, to: Int)], gap: Double, width: Double) {
        precondition(
            edges.allSatisfy { nodes.indices.contains($0.from) && nodes.indices.contains($0.to) },
            "an edge of a node outside of 0..<\(nodes.count)")
        let graph = LayerGraph(layers: nodes.map(\.layer), edges: edges)
        let reduction = CrossingReduction(graph)
        let coordinates = LayerCoordinates(graph, order: reduction.best, sizes: nodes.map(\.width), gap: gap, width: width)
        layers = reduction.best.map { $0.filter { $0 < nodes.count } }
        layer = Array(graph.layer.prefix(nodes.count))
        centres = Array(coordinates.centres.prefix(nodes.count))
        passages = graph.chains.map { chain in chain.dropFirst().dropLast().map { coordinates.centres[$0] } }
        self.width = coordinates.width
        crossings = reduction.crossings
        initialCrossings = graph.crossings(graph.initialOrder)
    }
}
