import Checkpoints
import Text

/// Entries that are looked up by their numbers: tables of tokens and of positions, and others.
extension GraphConversion {
    mutating func gather(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        let (table, entries) = (try required(node, 0), try required(node, 1))
        let rank = table.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? 0, rank), rank > 0 else { throw Problem("has no such dimension") }
        let name = site(node)
        let padding = axis == 0 ? node.padding : nil
        let weight = table.parameter.flatMap { stored in
            stored.type.isWhole
                ? nil
                : stored.isTransposed
                    ? (NetworkGraph.Parameter(stored.tensor, shape: [stored.shape[1], stored.shape[0]]), Embedding.Layout.columns)
                    : parameter(stored).map { ($0, Embedding.Layout.rows) }
        }
        // The table of the tokens.
        if entries.site == inputSite, case .tokens = graph.input, axis == 0, rank == 2, let weight {
            vocabulary = min(vocabulary ?? .max, table.shapes[0][0])
            return try add(name, Embedding(layout: weight.1, padding: padding), parameters: [weight.0])
        }
        if let numbers = numbers(entries, isSetting: true) {
            if axis == 0, isOfEachSample(table, numbers) { return table }
            if axis == 0, rank == 1, let chosen = try entriesOfEachSample(node, table, numbers) { return chosen }
            if numbers.count == 1 {
                if axis == 0, let row = rowForEachSample(numbers[0]),
                    let template = template(probes.map { [$0.samples] + row.shape.dropFirst() })
                {
                    // Once for all samples, whose number the file fixes, then for each.
                    let constant = (row.integers, row.shape)
                    let once =
                        if let weight, weight.1 == .rows {
                            try add(
                                self.site(node, "row"), EntryLookup(axis: axis, constant: constant, isOfParameter: true, padding: padding),
                                parameters: [weight.0])
                        } else {
                            try add(
                                self.site(node, "row"), EntryLookup(axis: axis, constant: constant, padding: padding),
                                [try site(of: table, for: name)],
                                type: table.type)
                        }
                    let rest = Array(table.shapes[0].dropFirst())
                    let whole = ShapeTemplate(template.lengths + rest.map { .fixed($0) })
                    return try add(name, Rearrangement(.repeated(whole)), [once.site!], type: table.type)
                }
                let constant = (numbers[0].integers, numbers[0].shape)
                if let weight, weight.1 == .rows, rank >= 1 {
                    return try add(
                        name, EntryLookup(axis: axis, constant: constant, isOfParameter: true, padding: padding), parameters: [weight.0])
                }
                return try add(
                    name, EntryLookup(axis: axis, constant: constant, padding: padding), [try site(of: table, for: name)], type: table.type)
            }
            // The table of the positions: those of each sample.
            if axis == 0, rank == 2, let weight, case .tokens = graph.input, let offset = isPositions(numbers) {
                positions = min(positions ?? .max, table.shapes[0][0] - offset)
                return try add(name, PositionEmbedding(layout: weight.1, offset: offset, padding: padding), parameters: [weight.0])
            }
        }
        let numbers = try site(of: entries, for: self.site(node, "entries"))
        // Tokens that are changed before they choose.
        if axis == 0, rank == 2, weight != nil, entries.type.isWhole { tokenLimit = min(tokenLimit ?? .max, table.shapes[0][0]) }
        boundPositions(numbers, entries: table.shapes[0][axis])
        if let weight, weight.1 == .rows {
            return try add(name, EntryLookup(axis: axis, isOfParameter: true, padding: padding), [numbers], parameters: [weight.0])
        }
        return try add(
            name, EntryLookup(axis: axis, padding: padding), [try site(of: table, for: self.site(node, "table")), numbers], type: table.type
        )
    }

    /// The numbers of one sample, with a first dimension of 1, of a constant that has the same ones for each of the samples whose number the
    /// file fixes; nil for any other.
    func rowForEachSample(_ numbers: GraphNumbers) -> GraphNumbers? {
        guard let samples = fixedSamples, samples > 1, numbers.shape.count > 1, numbers.shape[0] == samples else { return nil }
        let row = Array(numbers.values.prefix(numbers.shape.dropFirst().reduce(1, *)))
        guard !row.isEmpty, numbers.values.indices.allSatisfy({ numbers.values[$0] == row[$0 % row.count] }) else { return nil }
        return GraphNumbers([1] + numbers.shape.dropFirst(), row)
    }

    /// Where lists begin that count the positions of a sequence up, alone or once for each sample; nil if they do not.
    private func isPositions(_ numbers: [GraphNumbers]) -> Int? {
        guard let first = numbers.first?.values.first, first >= 0, first < 1e9, first == first.rounded() else { return nil }
        for (place, list) in numbers.enumerated() {
            guard case .tokens(let samples, let length) = probes[place],
                list.shape == [length] || list.shape == [1, length] || list.shape == [samples, length],
                list.values.enumerated().allSatisfy({ $1 == first + Double($0 % length) })
            else { return nil }
        }
        return Int(first)
    }

    /// Numbers that others choose along one dimension, of a constant in which all are the same: those of token types where nobody gives any.
    mutating func elements(_ node: ONNXModel.Node, _ index: Int) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        let (table, entries) = (try required(node, 0), try required(node, 1))
        guard !(table.parameter.map(Self.mayBeLearned) ?? false), let lists = numbers(table, isSetting: true),
            let number = lists[0].values.first, lists.allSatisfy({ $0.values.allSatisfy { $0 == number } })
        else {
            throw Problem("picks numbers while the model runs, which is not done here", expected: "constants, or one number throughout")
        }
        let counts = entries.shapes.map { $0.reduce(1, *) }
        try take(counts.reduce(0, +))
        return known(zip(entries.shapes, counts).map { GraphNumbers($0, [Double](repeating: number, count: $1)) }, table.type, index)
    }

    /// One of two numbers at each place of a new dimension: at that which a whole number says, counted from the end below 0, and elsewhere.
    mutating func marks(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        let input = try required(node, 0)
        guard let depth = try setting(node, 1, "number of places")?.integers.first, (1...1 << 20).contains(depth),
            let numbers = try setting(node, 2, "list of two numbers")?.values, numbers.count == 2
        else { throw Problem("marks no number of places that is fixed") }
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? -1, rank + 1) else { throw Problem("has no such dimension") }
        let apart = try reshaped(
            input, to: input.shapes.map { Array($0[..<axis]) + [1] + $0[axis...] }, site(node, "apart"))
        let shape = [depth] + [Int](repeating: 1, count: rank - axis)
        func places(_ range: Range<Int>) -> GraphValue {
            GraphValue(
                source: .numbers([GraphNumbers(shape, range.map(Double.init))]), type: input.type, shapes: probes.map { _ in shape })
        }
        let counted = try arithmetic(site(node, "counted"), .equal, apart, places(0..<depth))
        let behind = try arithmetic(site(node, "behind"), .equal, apart, places(-depth..<0))
        let type = try required(node, 2).type
        let both = try arithmetic(site(node, "either"), .or, counted, behind)
        guard let either = both.site else { throw Problem("is of constants alone, which is not run") }
        if numbers == [0, 1] { return try add(site(node), Identity(name: "identity"), [either], type: type) }
        let scaled = try add(site(node, "scaled"), Scaling(Float(numbers[1] - numbers[0])), [either], type: type)
        return try add(site(node), ElementCurve(.shift(Float(numbers[0])), name: "add"), [scaled.site!], type: type)
    }
}
