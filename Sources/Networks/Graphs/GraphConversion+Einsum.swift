import Checkpoints
import Text

/// Sums of products over named dimensions (`Einsum`) as transpositions and one product of matrices for each two factors.
extension GraphConversion {
    /// A factor with a letter for each of its dimensions.
    private struct Factor {
        var value: GraphValue
        var letters: [Character]
    }

    mutating func einsum(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("equation")
        let equation = node.text("equation") ?? ""
        let refusal = Problem("the equation is not one that is run", expected: "letters, such as bij,bjk->bik", found: "'\(equation)'")
        guard let read = EinsumEquation(equation), read.isOfLetters, read.factors.count == node.inputs.count else { throw refusal }
        var factors: [Factor] = []
        for (place, letters) in read.factors.enumerated() {
            let value = try required(node, place)
            guard value.shapes[0].count == letters.count, Set(letters).count == letters.count else { throw refusal }
            factors.append(Factor(value: value, letters: letters))
        }
        let output = read.output
        guard Set(output).count == output.count, Set(output).isSubset(of: read.factors.flatMap(\.self)) else { throw refusal }
        var result = factors.removeFirst()
        var step = 0
        while !factors.isEmpty {
            let next = factors.removeFirst()
            let wanted = Set(output).union(factors.flatMap(\.letters))
            step += 1
            result = try product(result, next, wanted, node, factors.isEmpty ? "" : "\(step).")
        }
        result = try summed(result, Set(output), site(node, "sum"))
        return try ordered(result, output, site(node)).value
    }

    /// The product of two factors, summed over what nothing reads further.
    private mutating func product(
        _ first: Factor, _ second: Factor, _ wanted: Set<Character>, _ node: ONNXModel.Node, _ part: String
    ) throws(Problem) -> Factor {
        let a = try summed(first, wanted.union(second.letters), site(node, "\(part)a.sum"))
        let b = try summed(second, wanted.union(first.letters), site(node, "\(part)b.sum"))
        let shared = a.letters.filter { b.letters.contains($0) }
        let (batch, joined) = (shared.filter { wanted.contains($0) }, shared.filter { !wanted.contains($0) })
        let (left, right) = (a.letters.filter { !shared.contains($0) }, b.letters.filter { !shared.contains($0) })
        func lengths(_ letters: [Character], _ factor: Factor) -> [[Int]] {
            factor.value.shapes.map { shape in letters.map { shape[factor.letters.firstIndex(of: $0)!] } }
        }
        guard lengths(shared, a) == lengths(shared, b) else {
            throw Problem(
                "lengths of one letter that are not the same", expected: words(a.value.shapes[0]), found: words(b.value.shapes[0]))
        }
        if batch.isEmpty, joined.count == 1, right.count == 1, !left.isEmpty, a.value.site != nil,
            let matrix = matrix(b.value, isOutIn: b.letters == right + joined)
        {
            let rows = try ordered(a, left + joined, site(node, "\(part)a"))
            let name = site(node, "\(part)product")
            let made = try add(name, Linear(layout: matrix.layout), [try site(of: rows.value, for: name)], parameters: [matrix.parameter])
            return Factor(value: made, letters: left + right)
        }
        var sites: [String] = []
        for (factor, order, name) in [(a, [batch, left, joined], "\(part)a"), (b, [batch, joined, right], "\(part)b")] {
            let turned = try ordered(factor, order.flatMap(\.self), site(node, name))
            let merged = probes.indices.map { probe in
                lengths(order[0], factor)[probe] + order[1...].map { lengths($0, factor)[probe].reduce(1, *) }
            }
            let matrix = try reshaped(turned.value, to: merged, site(node, "\(name).matrix"))
            sites.append(try site(of: matrix, for: site(node, name)))
        }
        let made = try add(site(node, "\(part)product"), MatrixProduct(), sites, type: a.value.type)
        let shapes = probes.indices.map { lengths(batch, a)[$0] + lengths(left, a)[$0] + lengths(right, b)[$0] }
        return Factor(value: try reshaped(made, to: shapes, site(node, "\(part)apart")), letters: batch + left + right)
    }

    /// A factor without the dimensions that nothing reads.
    private mutating func summed(_ factor: Factor, _ wanted: Set<Character>, _ name: String) throws(Problem) -> Factor {
        let axes = factor.letters.indices.filter { !wanted.contains(factor.letters[$0]) }
        guard !axes.isEmpty else { return factor }
        let sum = try add(
            name, Reduction(.sum, axes: axes, keepsDimensions: false, rank: factor.letters.count),
            [try site(of: factor.value, for: name)], type: factor.value.type)
        return Factor(value: sum, letters: factor.letters.filter { wanted.contains($0) })
    }

    /// A factor with its dimensions in another order.
    private mutating func ordered(_ factor: Factor, _ letters: [Character], _ name: String) throws(Problem) -> Factor {
        guard factor.letters != letters else { return factor }
        let order = letters.map { factor.letters.firstIndex(of: $0)! }
        let turned = try add(
            name, Rearrangement(.transposed(order)), [try site(of: factor.value, for: name)], type: factor.value.type)
        return Factor(value: turned, letters: letters)
    }
}
