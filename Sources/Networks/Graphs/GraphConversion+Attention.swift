import Checkpoints
import Tensors
import Text

/// ONNX's own operators of attention, of opset 23, step by step: the anatomy puts them together again.
extension GraphConversion {
    private mutating func turned(_ value: GraphValue, _ order: [Int], _ name: String) throws(Problem) -> GraphValue {
        try add(name, Rearrangement(.transposed(order)), [try site(of: value, for: name)], type: value.type)
    }

    private mutating func cut(_ value: GraphValue, _ first: Int, _ end: Int, step: Int = 1, _ name: String) throws(Problem) -> GraphValue {
        let axis = value.shapes[0].count - 1
        return try add(
            name, Rearrangement(.sliced(axis: axis, first: first, end: end, step: step)), [try site(of: value, for: name)],
            type: value.type)
    }

    /// Heads [samples, heads, length, width] of what has them so, or side by side.
    private mutating func heads(_ value: GraphValue, _ count: Int?, _ name: String) throws(Problem) -> GraphValue {
        if value.shapes[0].count == 4 { return value }
        guard value.shapes[0].count == 3, let count, count > 0, value.shapes.allSatisfy({ $0[2] % count == 0 }) else {
            throw Problem(
                "its heads are not known", expected: "4 dimensions, or 3 and a number of heads that divides the last",
                found: words(value.shapes[0]))
        }
        let apart = try reshaped(value, to: value.shapes.map { [$0[0], $0[1], count, $0[2] / count] }, name + ".apart")
        return try turned(apart, [0, 2, 1, 3], name)
    }

    mutating func attention(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes(
            "is_causal", "kv_num_heads", "q_num_heads", "qk_matmul_output_mode", "scale", "softcap", "softmax_precision")
        for place in 4..<max(4, node.inputs.count) where !node.inputs[place].isEmpty {
            throw Problem("reads keys and values of earlier positions, which are not kept here", found: "'\(node.inputs[place])'")
        }
        let isFlat = try required(node, 0).shapes[0].count == 3
        let q = try heads(try required(node, 0), node.integer("q_num_heads"), site(node, "q"))
        var k = try heads(try required(node, 1), node.integer("kv_num_heads"), site(node, "k"))
        var v = try heads(try required(node, 2), node.integer("kv_num_heads"), site(node, "v"))
        let (count, keyCount) = (q.shapes[0][1], k.shapes[0][1])
        guard keyCount > 0, count % keyCount == 0, v.shapes[0][1] == keyCount else {
            throw Problem("the heads do not share the key heads evenly", expected: "a divisor of \(count)", found: "\(keyCount)")
        }
        if keyCount < count {
            k = try repeated(k, count / keyCount, site(node, "k.repeated"))
            v = try repeated(v, count / keyCount, site(node, "v.repeated"))
        }
        let keys = try turned(k, [0, 1, 3, 2], site(node, "k.turned"))
        let scale = try Float(node.real("scale") ?? 1 / Double(max(1, q.shapes[0][3])).squareRoot())
        let products = try add(
            site(node, "products"), MatrixProduct(),
            [try site(of: q, for: site(node, "q.heads")), try site(of: keys, for: site(node, "k.heads"))])
        var scores = try add(site(node, "scaled"), Scaling(scale), [products.site!])
        // Before the mask, which no cap weakens.
        if let cap = try node.real("softcap"), cap > 0 {
            scores = try add(site(node, "divided"), Scaling(Float(1 / cap)), [scores.site!])
            scores = try add(site(node, "tanh"), Activation(.tanh), [scores.site!])
            scores = try add(site(node, "capped"), Scaling(Float(cap)), [scores.site!])
        }
        if node.integer("is_causal") ?? 0 != 0 {
            guard scores.shapes.allSatisfy({ $0[2] == $0[3] }) else {
                throw Problem("is causal between sequences of different lengths", found: words(scores.shapes[0]))
            }
            let triangles = scores.shapes.map { shape in
                let length = shape[3]
                return GraphNumbers(
                    [length, length], (0..<length * length).map { $0 % length > $0 / length ? -Double.infinity : 0 })
            }
            try take(triangles.reduce(0) { $0 + $1.values.count })
            let isSame = triangles.allSatisfy { $0 == triangles[0] }
            let mask = GraphValue(
                source: .numbers(isSame ? [triangles[0]] : triangles), type: .float, shapes: triangles.map(\.shape))
            scores = try arithmetic(site(node, "causal"), .add, scores, mask)
        }
        if let mask = try value(node, 3) {
            if mask.type == .bool {
                let hidden = GraphValue(
                    source: .numbers([GraphNumbers(-Double.infinity)]), type: .float, shapes: probes.map { _ in [] })
                scores = try add(
                    site(node, "masked"), Where(),
                    [
                        try site(of: mask, for: site(node, "mask")), scores.site!, try site(of: hidden, for: site(node, "hidden")),
                    ])
            } else {
                scores = try arithmetic(site(node, "masked"), .add, scores, mask)
            }
        }
        var hidden: GraphValue?
        if let mask = try value(node, 3), mayHideAll(mask, isCausal: node.integer("is_causal") ?? 0 != 0) {
            hidden = try hiddenRows(scores, node)
            scores = try shown(scores, hidden, site(node, "shown"))
        }
        var pattern = try add(site(node, "pattern"), Softmax(), [scores.site!])
        pattern = try shown(pattern, hidden, site(node, "attending"))
        let mixed = try add(
            isFlat ? site(node, "mixed") : site(node), MatrixProduct(), [pattern.site!, try site(of: v, for: site(node, "v.heads"))])
        guard isFlat else { return mixed }
        let side = try turned(mixed, [0, 2, 1, 3], site(node, "turned"))
        return try reshaped(side, to: side.shapes.map { [$0[0], $0[1], $0[2] * $0[3]] }, site(node))
    }

    /// Whether a mask may leave nothing to attend to for some query.
    private func mayHideAll(_ mask: GraphValue, isCausal: Bool) -> Bool {
        guard !isCausal, let lists = numbers(mask, isSetting: true) else { return true }
        return !lists.allSatisfy { list in
            guard let width = list.shape.last, width > 0 else { return false }
            return stride(from: 0, to: list.values.count, by: width).allSatisfy { start in
                list.values[start..<start + width].contains { mask.type == .bool ? $0 != 0 : $0 > -.infinity }
            }
        }
    }

    /// The queries that a mask lets attend to nothing: they mix nothing, which is 0.
    private mutating func hiddenRows(_ scores: GraphValue, _ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        let rank = scores.shapes[0].count
        let most = try add(
            site(node, "most"), Reduction(.maximum, axes: [rank - 1], keepsDimensions: true, rank: rank), [scores.site!])
        let lowest = GraphValue(source: .numbers([GraphNumbers(-Double.infinity)]), type: .float, shapes: probes.map { _ in [] })
        return try arithmetic(site(node, "hidden.rows"), .equal, most, lowest)
    }

    /// Rows with 0 in place of those that are hidden.
    private mutating func shown(_ rows: GraphValue, _ hidden: GraphValue?, _ name: String) throws(Problem) -> GraphValue {
        guard let hidden else { return rows }
        let zero = GraphValue(source: .numbers([GraphNumbers(0)]), type: .float, shapes: probes.map { _ in [] })
        return try add(name, Where(), [hidden.site!, try site(of: zero, for: name), rows.site!])
    }

    /// Each key head as often as heads share it.
    private mutating func repeated(_ value: GraphValue, _ times: Int, _ name: String) throws(Problem) -> GraphValue {
        let apart = try reshaped(value, to: value.shapes.map { [$0[0], $0[1], 1, $0[2], $0[3]] }, name + ".apart")
        let wide = value.shapes.map { [$0[0], $0[1], times, $0[2], $0[3]] }
        guard let template = template(wide, input: apart.shapes) else {
            throw Problem("the shape depends on the batch in a way that is not followed", found: words(wide[0]))
        }
        let all = try add(
            name + ".all", Rearrangement(.repeated(template)), [try site(of: apart, for: name)], type: value.type)
        return try reshaped(all, to: value.shapes.map { [$0[0], $0[1] * times, $0[2], $0[3]] }, name)
    }

    mutating func rotaryEmbedding(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("interleaved", "num_heads", "rotary_embedding_dim")
        let input = try required(node, 0)
        let count = node.integer("num_heads").flatMap { $0 > 0 ? $0 : nil }
        let isFlat = input.shapes[0].count == 3
        let x = try heads(input, count, site(node, "heads"))
        let width = x.shapes[0][3]
        let turned = node.integer("rotary_embedding_dim").flatMap { $0 > 0 ? $0 : nil } ?? width
        guard turned <= width, turned % 2 == 0, turned > 0 else {
            throw Problem("turns more elements than a head has", expected: "an even number up to \(width)", found: "\(turned)")
        }
        let half = turned / 2
        var angles: [GraphValue] = []
        for (place, part) in [(1, "cos"), (2, "sin")] {
            var table = try required(node, place)
            if node.inputs.count > 3, !node.inputs[3].isEmpty {
                table = try looked(up: try required(node, 3), in: table, site(node, part))
            }
            guard table.shapes.allSatisfy({ $0.count == 3 && $0[2] == half }) else {
                throw Problem(
                    "a table does not fit the turned elements", expected: "\(half) for each position", found: words(table.shapes[0]))
            }
            angles.append(try reshaped(table, to: table.shapes.map { [$0[0], 1, $0[1], half] }, site(node, part + ".heads")))
        }
        let isInterleaved = node.integer("interleaved") ?? 0 != 0
        let first = try isInterleaved ? cut(x, 0, turned, step: 2, site(node, "even")) : cut(x, 0, half, site(node, "first"))
        let second = try isInterleaved ? cut(x, 1, turned, step: 2, site(node, "odd")) : cut(x, half, turned, site(node, "second"))
        let real = try arithmetic(
            site(node, "real"), .subtract, try arithmetic(site(node, "real.cos"), .multiply, first, angles[0]),
            try arithmetic(site(node, "real.sin"), .multiply, second, angles[1]))
        let imaginary = try arithmetic(
            site(node, "imaginary"), .add, try arithmetic(site(node, "imaginary.sin"), .multiply, first, angles[1]),
            try arithmetic(site(node, "imaginary.cos"), .multiply, second, angles[0]))
        var parts = [real, imaginary]
        if isInterleaved {
            let columns = try parts.enumerated().map { place, part throws(Problem) in
                try reshaped(part, to: part.shapes.map { $0 + [1] }, site(node, "column\(place)"))
            }
            let pairs = try add(site(node, "pairs"), Concatenation(axis: 4), columns.map { $0.site! })
            parts = [try reshaped(pairs, to: x.shapes.map { Array($0.dropLast()) + [turned] }, site(node, "turned"))]
        }
        if turned < width { parts.append(try cut(x, turned, width, site(node, "rest"))) }
        var result = parts[0]
        if parts.count > 1 {
            result = try add(isFlat ? site(node, "joined") : site(node), Concatenation(axis: 3), parts.map { $0.site! })
        }
        guard isFlat else { return result }
        let side = try self.turned(result, [0, 2, 1, 3], site(node, "side"))
        return try reshaped(side, to: input.shapes, site(node))
    }

    /// The rows of a table for positions.
    private mutating func looked(up places: GraphValue, in table: GraphValue, _ name: String) throws(Problem) -> GraphValue {
        guard table.shapes[0].count == 2 else {
            throw Problem("has positions and no table of them", expected: "positions x elements", found: words(table.shapes[0]))
        }
        let entries = try site(of: places, for: name + ".positions")
        if let stored = table.parameter, let parameter = parameter(stored) {
            return try add(name, EntryLookup(axis: 0, isOfParameter: true), [entries], parameters: [parameter])
        }
        return try add(name, EntryLookup(axis: 0), [try site(of: table, for: name + ".table"), entries])
    }
}
