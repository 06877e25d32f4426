import Checkpoints
import Text

/// Matrices of which one side of a diagonal is kept.
extension GraphConversion {
    /// The numbers on or beside a diagonal of the last two dimensions, 0 elsewhere: of weights, or of each sample's own.
    ///
    /// - Throws: ``Problem`` where the samples are in one of these dimensions: what is kept of one would depend on its place in the batch.
    mutating func triangle(_ node: ONNXModel.Node, _ index: Int) throws(Problem) -> GraphValue {
        try node.checkAttributes("upper")
        let input = try required(node, 0)
        let diagonal = try setting(node, 1, "diagonal")?.integers.first ?? 0
        var masks: [GraphNumbers] = []
        for (place, shape) in input.shapes.enumerated() {
            guard shape.count >= 2 else { throw Problem("reads no matrix", expected: "2 dimensions or more", found: words(shape)) }
            let sides = Array(shape.suffix(2))
            for (axis, side) in zip(shape.count - 2..<shape.count, sides) {
                guard case .number(_, perSample: true, _, _)? = ShapeTemplate.Length(input.shapes.map { $0[axis] }, probes) else {
                    continue
                }
                throw Problem(
                    Self.mixingProblem, expected: "dimensions that do not depend on their number",
                    found: "a length of \(side) for \(probes[place].samples) samples")
            }
            let (count, overflow) = sides[0].multipliedReportingOverflow(by: sides[1])
            guard !overflow, count <= GraphNumbers.limit else {
                throw Problem("has a matrix that is too large", expected: "at most \(GraphNumbers.limit) numbers", found: words(sides))
            }
            try take(count)
            let ones = GraphNumbers(sides, [Double](repeating: 1, count: count))
            guard let mask = GraphFolding.triangle(ones, node.integer("upper") ?? 1 != 0, diagonal) else {
                throw Problem("has a diagonal that is not run", found: "\(diagonal)")
            }
            masks.append(mask)
        }
        let name = site(node)
        let mask = GraphValue(
            source: .numbers(masks.allSatisfy { $0 == masks[0] } ? [masks[0]] : masks), type: .bool, shapes: masks.map(\.shape))
        let zero = GraphValue(source: .numbers([GraphNumbers(0)]), type: input.type, shapes: probes.map { _ in [] })
        var sites: [String] = []
        for (part, value) in [("kept", mask), ("numbers", input), ("zero", zero)] {
            sites.append(try site(of: value, for: "\(name).\(part)"))
        }
        return try add(name, Where(), sites, type: input.type)
    }

    /// Why an operator that is run on constants alone does not run on what it reads.
    func constantProblem(_ node: ONNXModel.Node) -> Problem {
        func problem(_ found: String?, expected: String = "numbers that are fixed") -> Problem {
            Problem("the operator is run on constants alone", subject: node.subject, expected: expected, found: found)
        }
        for input in node.inputs {
            guard let value = values[input] else { continue }
            switch value.source {
            case .numbers: continue
            case .node(let site):
                return problem(
                    dependsOnSamples(site) ? "'\(input)', which is computed of the samples" : "'\(input)', which is made of weights")
            case .parameter(let stored):
                guard numbers(value, isSetting: true) == nil else { continue }
                return problem(
                    "the tensor '\(stored.tensor)' of \(words(stored.shape))", expected: "tensors of at most \(Self.settingLimit) numbers")
            }
        }
        return Problem(
            "the operator is run on constants alone", subject: node.subject,
            expected: "at most \(GraphNumbers.limit) numbers, in a form that is known",
            found: node.inputs.first.flatMap { values[$0]?.shapes.first }.map(words))
    }

    /// Whether what a node makes follows from the network's input.
    func dependsOnSamples(_ site: String) -> Bool {
        let nodes = Dictionary(graph.nodes.map { ($0.name, $0.inputs) }, uniquingKeysWith: { first, _ in first })
        var (seen, open): (Set<String>, [String]) = ([site], [site])
        while let next = open.popLast() {
            if next == inputSite { return true }
            for input in nodes[next] ?? [] where seen.insert(input).inserted { open.append(input) }
        }
        return false
    }
}
