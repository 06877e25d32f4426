import Checkpoints
import Glibc
import Text

/// Computes operators on numbers that are known while a graph is read.
///
/// Only what exporters compute shapes, axes and masks with; nil for other operators and for results that are too large.
enum GraphFolding {
    typealias Numbers = GraphNumbers

    /// Operators that run nowhere else: on data, or on larger constants, they are refused.
    static let constantsAlone: Set<String> = ["Range", "ConstantOfShape", "EyeLike"]

    /// The first output of an operator. A missing input is nil.
    static func output(
        of node: ONNXModel.Node, _ inputs: [Numbers?], types: [ONNXModel.ElementType?], version: Int
    ) throws(Problem) -> Numbers? {
        func input(_ place: Int) -> Numbers? { place < inputs.count ? inputs[place] : nil }
        guard let first = input(0) else { return nil }
        let isWhole = types.first.flatMap { $0 }?.isWhole ?? false
        switch node.operation {
        case "Identity": return first
        case "Cast":
            guard let type = node.integer("to").flatMap(ONNXModel.ElementType.init(rawValue:)) else { return nil }
            return map(first) { type == .bool ? ($0 != 0 ? 1 : 0) : type.isWhole ? trunc($0) : $0 }
        case "Neg": return map(first) { -$0 }
        case "Abs": return map(first) { abs($0) }
        case "Not": return map(first) { $0 == 0 ? 1 : 0 }
        case "Sqrt": return map(first) { $0.squareRoot() }
        case "Floor": return map(first) { $0.rounded(.down) }
        case "Ceil": return map(first) { $0.rounded(.up) }
        case "Exp": return map(first) { exp($0) }
        case "Reciprocal": return map(first) { 1 / $0 }
        case "CumSum": return sums(first, axis: input(1)?.integers.first ?? 0, node)
        case "GatherElements": return input(1).flatMap { elements(of: first, at: $0, node) }
        case "GatherND": return input(1).flatMap { entries(of: first, at: $0, node) }
        case "ScatterND": return try scattered(first, node, input(1), input(2))
        case "EyeLike": return unit(first.shape, node.integer("k") ?? 0)
        case "Trilu": return triangle(first, node.integer("upper") ?? 1 != 0, input(1)?.integers.first ?? 0)
        case "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor",
            "Min", "Max":
            guard let second = input(1), inputs.count == 2 else { return nil }
            let isRemainder = node.integer("fmod") == 1
            if isWhole, node.operation == "Div" || node.operation == "Mod", second.values.contains(0) {
                throw Problem("divides whole numbers by 0")
            }
            return try pair(first, second) { a, b in
                switch node.operation {
                case "Add": a + b
                case "Sub": a - b
                case "Mul": a * b
                case "Div": isWhole ? quotient(a, b).quotient : a / b
                case "Mod" where isWhole: isRemainder ? quotient(a, b).remainder : quotient(a, b).modulo
                case "Mod": isRemainder ? fmod(a, b) : a - b * (a / b).rounded(.down)
                case "Pow": pow(a, b)
                case "Equal": a == b ? 1 : 0
                case "Less": a < b ? 1 : 0
                case "LessOrEqual": a <= b ? 1 : 0
                case "Greater": a > b ? 1 : 0
                case "GreaterOrEqual": a >= b ? 1 : 0
                case "And": a != 0 && b != 0 ? 1 : 0
                case "Or": a != 0 || b != 0 ? 1 : 0
                case "Xor": (a != 0) != (b != 0) ? 1 : 0
                case "Min": min(a, b)
                default: max(a, b)
                }
            }
        case "Where":
            guard let x = input(1), let y = input(2) else { return nil }
            let chosen = try pair(first, x) { $0 != 0 ? $1 : 0 }
            let other = try pair(first, y) { $0 == 0 ? $1 : 0 }
            guard let chosen, let other else { return nil }
            // Numbers that are not chosen are 0, so that infinities remain.
            return try pair(chosen, other) { $0 + $1 }
        case "Concat":
            guard let axis = axis(node.integer("axis") ?? 0, first.shape.count), !inputs.contains(nil) else { return nil }
            return try rearranged(Concatenation(axis: axis), inputs.compactMap { $0 })
        case "Transpose":
            return try rearranged(
                Rearrangement(.transposed(node.integers("perm") ?? Array(first.shape.indices.reversed()))), [first])
        case "Unsqueeze":
            guard let axes = node.integers("axes") ?? input(1)?.integers, let shape = unsqueezed(first.shape, axes) else { return nil }
            return Numbers(shape, first.values)
        case "Squeeze":
            guard let shape = squeezed(first.shape, node.integers("axes") ?? input(1)?.integers) else { return nil }
            return Numbers(shape, first.values)
        case "Reshape":
            guard let wanted = input(1)?.integers, let shape = reshaped(first.shape, to: wanted, node.integer("allowzero") == 1) else {
                return nil
            }
            return Numbers(shape, first.values)
        case "Flatten":
            guard let axis = flattenedAxis(node.integer("axis") ?? 1, first.shape.count) else { return nil }
            return Numbers([first.shape[..<axis].reduce(1, *), first.shape[axis...].reduce(1, *)], first.values)
        case "Shape":
            return shape(of: first.shape, node)
        case "Size": return Numbers(Double(first.values.count))
        case "Gather":
            guard let numbers = input(1), let axis = axis(node.integer("axis") ?? 0, first.shape.count) else { return nil }
            return try rearranged(EntryLookup(axis: axis, constant: (numbers.integers, numbers.shape)), [first])
        case "Slice":
            guard let cuts = cuts(node, first.shape.count, inputs) else { return nil }
            var sliced = first
            for cut in cuts {
                sliced =
                    try rearranged(Rearrangement(.sliced(axis: cut.axis, first: cut.first, end: cut.end, step: cut.step)), [sliced])
                    ?? sliced
            }
            return sliced
        case "Expand":
            guard let wanted = input(1)?.integers else { return nil }
            return try rearranged(Rearrangement(.repeated(ShapeTemplate(wanted.map { .fixed($0) }))), [first])
        case "Tile": return input(1).flatMap { tiled(first, $0.integers) }
        case "ConstantOfShape":
            let count = try count(first.integers)
            guard let count else { return nil }
            var value = 0.0
            if case .tensor(let constant)? = node.attributes["value"] { value = try constant.values().first ?? 0 }
            return Numbers(first.integers, [Double](repeating: value, count: count))
        case "Range":
            guard let end = input(1)?.values.first, let step = input(2)?.values.first, let start = first.values.first, step != 0 else {
                return nil
            }
            let count = ((end - start) / step).rounded(.up)
            guard count < Double(Numbers.limit) else { return nil }
            let places = 0..<Int(max(0, count))
            return Numbers([places.count], places.map { start + Double($0) * step })
        case "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin":
            // Over all elements of a list: what counts them.
            let axes = node.integers("axes") ?? input(1)?.integers ?? []
            guard first.shape.count <= 1, axes.allSatisfy({ $0 == 0 || $0 == -1 }), !first.values.isEmpty else { return nil }
            let start = first.values[0]
            let value = first.values.dropFirst().reduce(start) { sum, next in
                switch node.operation {
                case "ReduceProd": sum * next
                case "ReduceSum": sum + next
                case "ReduceMax": max(sum, next)
                default: min(sum, next)
                }
            }
            return Numbers(node.integer("keepdims") ?? 1 == 1 ? first.shape.map { _ in 1 } : [], [value])
        default: return nil
        }
    }

    /// The part of a shape that `Shape` gives.
    static func shape(of shape: [Int], _ node: ONNXModel.Node) -> Numbers {
        let rank = shape.count
        func bound(_ value: Int?) -> Int? { value.map { max(0, min(rank, $0 < 0 ? $0 &+ rank : $0)) } }
        let first = bound(node.integer("start")) ?? 0
        return Numbers(Array(shape[first..<max(first, bound(node.integer("end")) ?? rank)]))
    }

    /// A dimension that counts from the end if it is below 0.
    static func axis(_ axis: Int, _ rank: Int) -> Int? {
        let place = axis < 0 ? axis &+ rank : axis
        return place >= 0 && place < max(rank, 1) ? place : nil
    }

    /// The dimension before which Flatten divides a shape, which may be none: one that counts from the end counts those of the shape.
    static func flattenedAxis(_ axis: Int, _ rank: Int) -> Int? {
        let place = axis < 0 ? axis &+ rank : axis
        return (0...rank).contains(place) ? place : nil
    }

    static func unsqueezed(_ shape: [Int], _ axes: [Int]) -> [Int]? {
        let rank = shape.count + axes.count
        guard rank <= 64 else { return nil }
        let places = Set(axes.compactMap { axis($0, rank) })
        guard places.count == axes.count else { return nil }
        var rest = shape[...]
        return (0..<rank).map { places.contains($0) ? 1 : rest.removeFirst() }
    }

    static func squeezed(_ shape: [Int], _ axes: [Int]?) -> [Int]? {
        guard let axes else { return shape.filter { $0 != 1 } }
        let given = axes.map { axis($0, shape.count) }
        let places = Set(given.compactMap(\.self))
        guard !given.contains(nil), places.allSatisfy({ shape.indices.contains($0) && shape[$0] == 1 }) else { return nil }
        return shape.indices.filter { !places.contains($0) }.map { shape[$0] }
    }

    /// The shape that `Reshape` means by -1 and 0.
    static func reshaped(_ shape: [Int], to wanted: [Int], _ allowsZero: Bool) -> [Int]? {
        guard wanted.count <= 64, wanted.count(where: { $0 == -1 }) <= 1 else { return nil }
        var lengths: [Int] = []
        var known = 1
        for (place, length) in wanted.enumerated() {
            var length = length
            if length == 0, !allowsZero {
                guard place < shape.count else { return nil }
                length = shape[place]
            }
            guard length >= -1 else { return nil }
            lengths.append(length)
            if length >= 0 {
                let (product, overflow) = known.multipliedReportingOverflow(by: length)
                guard !overflow else { return nil }
                known = product
            }
        }
        let count = shape.reduce(1, *)
        if let rest = lengths.firstIndex(of: -1) {
            guard known > 0, count % known == 0 else { return nil }
            lengths[rest] = count / known
            known = count
        }
        return known == count ? lengths : nil
    }

    /// The dimensions that `Slice` cuts, with their bounds.
    static func cuts(
        _ node: ONNXModel.Node, _ rank: Int, _ inputs: [Numbers?]
    ) -> [(axis: Int, first: Int, end: Int, step: Int)]? {
        func list(_ name: String, _ place: Int) -> [Int]? {
            node.integers(name) ?? (place < inputs.count ? inputs[place]?.integers : nil)
        }
        guard let firsts = list("starts", 1), let ends = list("ends", 2), firsts.count == ends.count else { return nil }
        let axes = list("axes", 3) ?? Array(0..<firsts.count)
        let steps = list("steps", 4) ?? firsts.map { _ in 1 }
        guard axes.count == firsts.count, steps.count == firsts.count else { return nil }
        var cuts: [(axis: Int, first: Int, end: Int, step: Int)] = []
        for place in axes.indices {
            guard let axis = axis(axes[place], rank), rank > 0, steps[place] != 0 else { return nil }
            cuts.append((axis, firsts[place], ends[place], steps[place]))
        }
        return cuts
    }

    private static func count(_ shape: [Int]) throws(Problem) -> Int? {
        try Problem.check(elementsOf: shape)
        let count = shape.reduce(1, *)
        return count <= Numbers.limit ? count : nil
    }

    private static func map(_ numbers: Numbers, _ f: (Double) -> Double) -> Numbers { Numbers(numbers.shape, numbers.values.map(f)) }

    static func pair(_ a: Numbers, _ b: Numbers, _ f: (Double, Double) -> Double) throws(Problem) -> Numbers? {
        let shape = try repeatedShape(a.shape, b.shape)
        guard let count = try count(shape) else { return nil }
        let steps = IndexSteps(shape, [(0, IndexSteps.repeated(a.shape, to: shape)), (0, IndexSteps.repeated(b.shape, to: shape))])
        var values: [Double] = []
        values.reserveCapacity(count)
        guard count > 0 else { return Numbers(shape, []) }
        for row in 0..<steps.rows {
            let (i, j) = (steps.start(of: row, 0), steps.start(of: row, 1))
            for place in 0..<steps.width { values.append(f(a.values[i + place * steps.step(0)], b.values[j + place * steps.step(1)])) }
        }
        return Numbers(shape, values)
    }

    /// What an operation that only moves numbers makes of them: it moves their places instead, so that no number is rounded.
    private static func rearranged(_ operation: some Operation, _ inputs: [Numbers]) throws(Problem) -> Numbers? {
        let shape = try operation.outputShape(inputs: inputs.map(\.shape), parameters: [], batch: .values([1]))
        guard let count = try count(shape), inputs.reduce(0, { $0 + $1.values.count }) < 1 << 24 else { return nil }
        var all: [Double] = []
        var places: [PlaceTensor] = []
        for input in inputs {
            places.append(PlaceTensor(first: all.count, shape: input.shape))
            all += input.values
        }
        let moved = places.map(\.tensor)
        let output = PlaceTensor.empty(shape)
        guard count > 0 else { return Numbers(shape, []) }
        operation.forward(
            ForwardPass(inputs: moved, parameters: [], output: output, scratch: PlaceTensor.empty([0]), team: PlaceTensor.team))
        return Numbers(shape, output.elements.map { all[Int($0)] })
    }
}
