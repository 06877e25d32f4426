import Checkpoints
import Text

/// Steps that leave tokens as they are: TensorFlow counts numbers below 0 from a table's end, and tokens are never below 0.
extension GraphConversion {
    /// What a comparison of whole numbers that are 0 or more with a number that is at most 0 says, where it says the same of all; nil for any
    /// other.
    mutating func comparedWithZero(_ function: Arithmetic.Function, _ a: GraphValue, _ b: GraphValue) throws(Problem) -> GraphValue? {
        guard case .tokens = graph.input else { return nil }
        let (tokens, known, outcome): (GraphValue, GraphValue, Double)
        switch function {
        case .less: (tokens, known, outcome) = (a, b, 0)
        case .greaterOrEqual: (tokens, known, outcome) = (a, b, 1)
        case .greater: (tokens, known, outcome) = (b, a, 0)
        case .lessOrEqual: (tokens, known, outcome) = (b, a, 1)
        default: return nil
        }
        guard let site = tokens.site, site == inputSite || largest[site] != nil, let number = uniform(known), number <= 0,
            leaves(known, theShapesOf: tokens)
        else { return nil }
        return try filled(outcome, tokens, .bool)
    }

    /// Whole numbers plus 0, times 1 or times 0; nil for any other sum or product.
    mutating func unchanged(_ function: Arithmetic.Function, _ a: GraphValue, _ b: GraphValue) throws(Problem) -> GraphValue? {
        for (value, other) in [(a, b), (b, a)] {
            guard value.type.isWhole, value.type != .bool, value.site != nil, let number = uniform(other), leaves(other, theShapesOf: value)
            else { continue }
            switch (function, number) {
            case (.add, 0), (.multiply, 1): return value
            case (.multiply, 0): return try filled(0, value, value.type)
            default: continue
            }
        }
        return nil
    }

    /// The whole numbers that a condition chooses which is the same for all; nil for any other choice.
    func chosen(_ condition: GraphValue, _ first: GraphValue, _ second: GraphValue) -> GraphValue? {
        guard let number = uniform(condition) else { return nil }
        let (value, other) = number != 0 ? (first, second) : (second, first)
        guard value.type.isWhole, value.site != nil, leaves(condition, theShapesOf: value), leaves(other, theShapesOf: value) else {
            return nil
        }
        return value
    }

    /// The one number that a value has throughout.
    private func uniform(_ value: GraphValue) -> Double? {
        guard let lists = numbers(value), let number = lists.lazy.compactMap(\.values.first).first,
            lists.allSatisfy({ $0.values.allSatisfy { $0 == number } })
        else { return nil }
        return number
    }

    /// Whether what a value is combined with makes it no larger.
    private func leaves(_ other: GraphValue, theShapesOf value: GraphValue) -> Bool {
        zip(other.shapes, value.shapes).allSatisfy { small, large in
            small.count <= large.count && zip(small.reversed(), large.reversed()).allSatisfy { $0 == 1 || $0 == $1 }
        }
    }

    private mutating func filled(_ number: Double, _ like: GraphValue, _ type: ONNXModel.ElementType) throws(Problem) -> GraphValue {
        var lists: [GraphNumbers] = []
        for shape in like.shapes {
            let count = shape.reduce(1, *)
            try take(count)
            lists.append(GraphNumbers(shape, [Double](repeating: number, count: count)))
        }
        return GraphValue(source: .numbers(lists), type: type, shapes: like.shapes)
    }
}
