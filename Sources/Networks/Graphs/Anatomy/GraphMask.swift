import Tensors

/// Numbers of a graph that are the same below, on and above the diagonal of their last two dimensions, whatever the batch.
struct GraphMask: Equatable {
    let below: Float
    let diagonal: Float
    let above: Float

    /// The number, if there is only one.
    var uniform: Float? { below == diagonal && diagonal == above ? below : nil }

    /// Scores this far below the others are shares of exactly 0 in single precision.
    static let hidden: Float = -1e4

    /// Whether it leaves scores that it is added to as they are where positions are seen, and hides those that follow.
    var isCausalSummand: Bool { below == 0 && diagonal == 0 && above <= Self.hidden }

    func mapped(_ function: (Float) -> Float) -> GraphMask {
        GraphMask(below: function(below), diagonal: function(diagonal), above: function(above))
    }
}

extension ShapedGraph {
    /// The numbers of a node that reads no data; nil if they are no mask.
    func mask(_ name: String, depth: Int = 0) -> GraphMask? {
        guard depth < 16, let node = node(name) else { return nil }
        func input(_ place: Int = 0) -> GraphMask? {
            place < node.inputs.count ? mask(node.inputs[place], depth: depth + 1) : nil
        }
        func isSquareStill() -> Bool {
            guard let own = shapes[name]?[0], let before = node.inputs.first.flatMap({ shapes[$0]?[0] }) else { return false }
            return own.suffix(2) == before.suffix(2)
        }
        switch node.operation {
        case let numbers as BatchNumbers:
            switch numbers.kind {
            case .fill(let value): return GraphMask(below: value, diagonal: value, above: value)
            case .triangle(let below, let diagonal, let above): return GraphMask(below: below, diagonal: diagonal, above: above)
            case .range, .length, .band: return nil
            }
        case let stored as StoredValues:
            return stored.numbers.flatMap(Self.mask)
        case is Identity: return input()
        case let scaling as Scaling: return input()?.mapped { $0 * scaling.factor }
        case let curve as ElementCurve: return input()?.mapped(curve.value)
        case is Reshape, is Rearrangement, is Slice:
            guard node.inputs.count == 1, let mask = input(), mask.uniform != nil || isSquareStill() else { return nil }
            if case .transposed? = (node.operation as? Rearrangement)?.kind, mask.uniform == nil { return nil }
            return mask
        case is Where:
            guard let condition = input(), let first = input(1), let second = input(2) else { return nil }
            return GraphMask(
                below: condition.below != 0 ? first.below : second.below,
                diagonal: condition.diagonal != 0 ? first.diagonal : second.diagonal,
                above: condition.above != 0 ? first.above : second.above)
        default: return nil
        }
    }

    private static func mask(_ numbers: Tensor) -> GraphMask? {
        let elements = numbers.elements
        guard let first = elements.first else { return nil }
        if elements.allSatisfy({ $0 == first }) { return GraphMask(below: first, diagonal: first, above: first) }
        let list = GraphNumbers(numbers.shape, elements.map(Double.init))
        guard case .triangle(let below, let diagonal, let above)? = GraphNumbers.triangle([list]) else { return nil }
        return GraphMask(below: below, diagonal: diagonal, above: above)
    }
}
