import Checkpoints
import Text

extension GraphConversion {
    /// The value of an operator that is a constant.
    mutating func constantValue(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        if let output = node.outputs.first, let stored = values[output] { return stored }
        func fixed(_ numbers: GraphNumbers, _ type: ONNXModel.ElementType) -> GraphValue {
            GraphValue(source: .numbers([numbers]), type: type, shapes: probes.map { _ in numbers.shape })
        }
        for (name, attribute) in node.attributes {
            switch (name, attribute) {
            case ("value", .tensor(let constant)):
                let count = constant.shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
                guard count >= 0, count <= GraphNumbers.limit else {
                    throw Problem(
                        "is a constant of too many numbers", expected: "at most \(GraphNumbers.limit)", found: words(constant.shape))
                }
                try take(count)
                return fixed(GraphNumbers(constant.shape, try constant.values()), constant.type)
            case ("value_int", .integer(let value)): return fixed(GraphNumbers(Double(value)), .int64)
            case ("value_ints", .integers(let values)): return fixed(GraphNumbers(values), .int64)
            case ("value_float", .real(let value)): return fixed(GraphNumbers(value), .float)
            case ("value_floats", .reals(let values)): return fixed(GraphNumbers([values.count], values), .float)
            default: break
            }
        }
        throw Problem("is a constant of a kind that is not read", found: node.attributes.keys.sorted().joined(separator: ", "))
    }
}
