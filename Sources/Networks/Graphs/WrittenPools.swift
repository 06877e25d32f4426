import Checkpoints
import Text

/// Adaptive average pools over images of any size, which ONNX has no operator for: a mean for each window, whose bounds are computed from the size of
/// the image, and all of them joined along a side. So this program writes them, and reads them back as what they are.
struct WrittenPools {
    struct Pool {
        /// The side along which it has windows: 2 for rows, 3 for columns.
        let axis: Int
        let count: Int
        /// The value that it reads.
        let input: String
    }

    /// By the number of the operator that joins the windows.
    private(set) var pools: [Int: Pool] = [:]
    /// The operators that make the windows.
    private(set) var parts: Set<Int> = []

    private let model: ONNXModel
    private let readers: [String: [Int]]
    private var makers: [String: Int] = [:]

    init(_ model: ONNXModel, _ order: [Int], _ readers: [String: [Int]]) {
        self.model = model
        self.readers = readers
        let joining = order.filter { index in
            let node = model.nodes[index]
            return node.operation == "Concat" && node.domain.isEmpty && (2...3).contains(node.integer("axis") ?? 0)
        }
        guard !joining.isEmpty, order.contains(where: { model.nodes[$0].operation == "ReduceMean" }) else { return }
        for index in order { for output in model.nodes[index].outputs { makers[output] = index } }
        for index in joining {
            guard let (pool, own) = windows(joinedAt: index) else { continue }
            pools[index] = pool
            parts.formUnion(own)
        }
    }

    /// The pool whose windows an operator joins, with the operators that make them; nil if they are anything else.
    private func windows(joinedAt index: Int) -> (Pool, [Int])? {
        let node = model.nodes[index]
        let (axis, count) = (node.integer("axis") ?? 0, node.inputs.count)
        guard node.attributes.count == 1, count > 0 else { return nil }
        var own: [Int] = []
        var input: String?
        for (place, name) in node.inputs.enumerated() {
            guard let (mean, meanPlace) = maker(of: name, "ReduceMean", inputs: 2, onlyFor: index), mean.integer("keepdims") ?? 1 == 1,
                mean.integer("noop_with_empty_axes") ?? 0 == 0, constant(mean.inputs[1]) == [axis],
                let (slice, slicePlace) = maker(of: mean.inputs[0], "Slice", inputs: 4, onlyFor: meanPlace),
                slice.attributes.isEmpty, constant(slice.inputs[3]) == [axis], input ?? slice.inputs[0] == slice.inputs[0],
                isBound(slice.inputs[1], axis, of: slice.inputs[0], place, 0, count),
                isBound(slice.inputs[2], axis, of: slice.inputs[0], place + 1, count - 1, count)
            else { return nil }
            input = slice.inputs[0]
            own += [meanPlace, slicePlace]
        }
        return input.map { (Pool(axis: axis, count: count, input: $0), own) }
    }

    /// Whether a value is (length factor + offset) / count, with the length of a side of another.
    private func isBound(_ value: String, _ axis: Int, of input: String, _ factor: Int, _ offset: Int, _ count: Int) -> Bool {
        guard let (quotient, _) = maker(of: value, "Div", inputs: 2), constant(quotient.inputs[1]) == [count] else { return false }
        var product = quotient.inputs[0]
        if let (sum, _) = maker(of: product, "Add", inputs: 2) {
            guard constant(sum.inputs[1]) == [offset] else { return false }
            product = sum.inputs[0]
        } else if offset != 0 {
            return false
        }
        guard let (scaled, _) = maker(of: product, "Mul", inputs: 2), constant(scaled.inputs[1]) == [factor],
            let (length, _) = maker(of: scaled.inputs[0], "Gather", inputs: 2), length.integer("axis") ?? 0 == 0,
            constant(length.inputs[1]) == [axis], let (shape, _) = maker(of: length.inputs[0], "Shape", inputs: 1),
            shape.attributes.isEmpty
        else { return false }
        return shape.inputs[0] == input
    }

    /// - Parameter reader: the only operator that may read the value; nil if any may.
    private func maker(
        of value: String, _ operation: String, inputs: Int, onlyFor reader: Int? = nil
    ) -> (node: ONNXModel.Node, place: Int)? {
        guard let place = makers[value], model.nodes[place].operation == operation, model.nodes[place].domain.isEmpty,
            model.nodes[place].inputs.count == inputs, model.nodes[place].outputs.count == 1
        else { return nil }
        if let reader, readers[value] != [reader] || model.outputs.first?.name == value { return nil }
        return (model.nodes[place], place)
    }

    private func constant(_ value: String) -> [Int]? {
        maker(of: value, "Constant", inputs: 0).flatMap { $0.node.attributes.count == 1 ? $0.node.integers("value_ints") : nil }
    }
}

extension GraphConversion {
    /// A pool that was written out.
    mutating func writtenPool(_ pool: WrittenPools.Pool, _ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        guard let value = values[pool.input] else {
            throw Problem("reads a value that nothing makes", subject: node.subject, found: "'\(pool.input)'")
        }
        let name = site(node)
        return try add(
            name, AdaptiveAveragePool(output: pool.axis == 2 ? (pool.count, nil) : (nil, pool.count)), [try site(of: value, for: name)],
            type: value.type)
    }
}
