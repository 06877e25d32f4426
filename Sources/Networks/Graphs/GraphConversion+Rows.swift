import Checkpoints
import Text

/// Linear layers on rows: what TensorFlow's `Tensordot` and sums over named dimensions write for a layer on sequences or images.
extension GraphConversion {
    /// A linear layer on [rows, in] whose rows are divided into the dimensions that they came from, as the layer on these dimensions; nil if it is
    /// none, or if something else reads its output.
    mutating func layerOnDimensions(_ node: ONNXModel.Node, _ value: GraphValue, to shapes: [[Int]]) throws(Problem) -> GraphValue? {
        guard model.isOfTensorFlow, let site = value.site, readers[node.inputs[0]]?.count == 1, node.inputs[0] != model.outputs.first?.name,
            let place = graph.nodes.lastIndex(where: { $0.name == site }), let layer = graph.nodes[place].operation as? Linear,
            let before = graph.nodes[place].inputs.first, let rowsPlace = graph.nodes[..<place].lastIndex(where: { $0.name == before }),
            graph.nodes[rowsPlace].operation is Reshape || graph.nodes[rowsPlace].operation is Flatten,
            let rows = shapesOfSites[before], let origin = graph.nodes[rowsPlace].inputs.first, let origins = shapesOfSites[origin],
            let count = leadingDimensions(shapes, value.shapes)
        else { return nil }
        let read = zip(shapes, rows).map { shape, row in Array(shape.prefix(count)) + [row.last ?? 0] }
        let made = zip(shapes, value.shapes).map { shape, row in Array(shape.prefix(count)) + [row.last ?? 0] }
        guard zip(read, origins).allSatisfy({ $0.reduce(1, *) == $1.reduce(1, *) }),
            read == origins || template(read, input: origins) != nil
        else { return nil }
        let parameters = graph.nodes.remove(at: place).parameters
        let source = GraphValue(source: .node(origin), type: value.type, shapes: origins)
        let input = try reshaped(source, to: read, self.site(node, "dimensions"))
        // The layer as it was called, or what divides its rows alone.
        let isDivided = made != shapes
        let output = try add(
            isDivided ? site : self.site(node), layer, [try self.site(of: input, for: self.site(node))], parameters: parameters,
            type: value.type, isAgain: isDivided)
        return isDivided ? try reshaped(output, to: shapes, self.site(node)) : output
    }

    /// How many dimensions, two or more, rows [rows, out] were divided into, where the others are the divided outputs; nil if these share one.
    private func leadingDimensions(_ shapes: [[Int]], _ rows: [[Int]]) -> Int? {
        guard let rank = shapes.first?.count, rank >= 3, rows.allSatisfy({ $0.count == 2 }), shapes.allSatisfy({ $0.count == rank }) else {
            return nil
        }
        return (2..<rank).first { count in
            zip(shapes, rows).allSatisfy { $0.prefix(count).reduce(1, *) == $1[0] && $0.dropFirst(count).reduce(1, *) == $1[1] }
        }
    }
}
