import Checkpoints
import Text

/// Entries that lists of several numbers choose (`GatherND`), and the places of the largest numbers.
extension GraphConversion {
    /// The parts of a tensor at lists of places.
    mutating func gatherRows(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("batch_dims")
        let (table, entries) = (try required(node, 0), try required(node, 1))
        let (name, batches, depth) = (site(node), node.integer("batch_dims") ?? 0, entries.shapes[0].last ?? 0)
        if batches == 1, depth == 1, entries.shapes.allSatisfy({ $0.count > 1 }) {
            let numbers = try reshaped(entries, to: entries.shapes.map { Array($0.dropLast()) }, site(node, "entries"))
            return try entriesOfSamples(node, table, numbers)
        }
        if batches == 0, let maker = model.nodes.first(where: { $0.outputs.contains(node.inputs[1]) }),
            let own = eachSamplesOwn(joinedBy: maker)
        {
            return try entriesOfSamples(node, table, reshaped(own, to: own.shapes.map { [$0[0]] }, site(node, "entries")))
        }
        if batches == 0, let lists = numbers(entries, isSetting: true), isOfEachSample(table, lists, rest: [1]) { return table }
        if batches == 0, depth > 1 {
            if let known = numbers(entries, isSetting: true) {
                if known.count == 1, let chosen = try constantEntries(node, table, known[0], depth) { return chosen }
                if depth == 2, let list = eachSamplesEntry(known) {
                    return try add(name, EntryLookup(axis: 1, constant: (list, [])), [site(of: table, for: name)], type: table.type)
                }
            }
        }
        guard batches == 0, entries.shapes.allSatisfy({ $0.last == 1 }) else {
            throw Problem(
                "looks up entries by several numbers while the model runs, which is not done here",
                expected: "lists of one number, or one for each sample", found: words(entries.shapes[0]))
        }
        let numbers = try site(
            of: reshaped(entries, to: entries.shapes.map { Array($0.dropLast()) }, site(node, "entries")), for: site(node, "entries"))
        if let stored = table.parameter, !stored.type.isWhole, let parameter = parameter(stored) {
            return try add(name, EntryLookup(axis: 0, isOfParameter: true), [numbers], parameters: [parameter])
        }
        return try add(name, EntryLookup(axis: 0), [try site(of: table, for: site(node, "table")), numbers], type: table.type)
    }

    /// Entries at constant lists of places: of the dimensions that the lists say as one; nil if a length of these is open.
    private mutating func constantEntries(
        _ node: ONNXModel.Node, _ table: GraphValue, _ lists: GraphNumbers, _ depth: Int
    ) throws(Problem) -> GraphValue? {
        let lengths = Array(table.shapes[0].prefix(depth))
        guard lengths.count == depth, table.shapes.allSatisfy({ Array($0.prefix(depth)) == lengths }) else { return nil }
        let chosen = try IndexSteps.starts(of: lists.integers, in: lengths)
        let count = lengths.reduce(1, *)
        let flat = try reshaped(table, to: table.shapes.map { [count] + $0.dropFirst(depth) }, site(node, "rows"))
        let shape = Array(lists.shape.dropLast())
        return try add(
            site(node), EntryLookup(axis: 0, constant: (chosen, shape)), [site(of: flat, for: site(node, "rows"))], type: table.type)
    }

    /// The one entry that lists choose of each sample, which come one after the other; nil for other lists.
    private func eachSamplesEntry(_ lists: [GraphNumbers]) -> [Int]? {
        guard lists.count == probes.count, let entry = lists.first?.integers.dropFirst().first else { return nil }
        for (list, probe) in zip(lists, probes) {
            guard list.shape == [probe.samples, 2],
                list.integers.enumerated().allSatisfy({ $1 == ($0 % 2 == 0 ? $0 / 2 : entry) })
            else { return nil }
        }
        return [entry]
    }

    /// Whether lists choose the part of each sample in their order, which is all of them: `x[arange(n)]`.
    ///
    /// - Parameter rest: the dimensions of lists after the samples.
    func isOfEachSample(_ table: GraphValue, _ lists: [GraphNumbers], rest: [Int] = []) -> Bool {
        guard table.site != nil else { return false }
        return probes.indices.allSatisfy { place in
            // A file for a fixed number of samples counts them up to that.
            let count = lists.count == 1 ? fixedSamples : probes[place].samples
            guard let count, table.shapes[place].first == probes[place].samples else { return false }
            let list = lists.count == 1 ? lists[0] : lists[place]
            return list.shape == [count] + rest && list.integers == Array(0..<count)
        }
    }

    /// What an operator joins to the numbers of the samples, one after the other, as the entry of each; nil for other lists.
    func eachSamplesOwn(joinedBy node: ONNXModel.Node) -> GraphValue? {
        guard node.operation == "Concat", node.domain.isEmpty, node.inputs.count == 2, let first = values[node.inputs[0]],
            let second = values[node.inputs[1]], let numbers = numbers(first, isSetting: true),
            [-1, 1].contains(node.integer("axis") ?? 0),
            second.site != nil
        else { return nil }
        for (place, probe) in probes.enumerated() {
            let list = numbers.count == 1 ? numbers[0] : numbers[place]
            // A file for a fixed number of samples counts them up to that.
            let count = numbers.count == 1 ? fixedSamples : probe.samples
            guard let count, list.shape == [count, 1], list.integers == Array(0..<count), second.shapes[place] == [probe.samples, 1] else {
                return nil
            }
        }
        return second
    }

    /// The same where lists of entries alone are made of it.
    func entryOfEachSample(joinedBy node: ONNXModel.Node) -> GraphValue? {
        guard let output = node.outputs.first, model.outputs.first?.name != output, let reading = readers[output],
            reading.allSatisfy({ model.nodes[$0].operation == "GatherND" && model.nodes[$0].inputs.first != output })
        else { return nil }
        return eachSamplesOwn(joinedBy: node)
    }

    private mutating func entriesOfSamples(
        _ node: ONNXModel.Node, _ table: GraphValue, _ numbers: GraphValue
    ) throws(Problem) -> GraphValue {
        let sites = [try site(of: table, for: site(node, "table")), try site(of: numbers, for: site(node, "entries"))]
        guard zip(table.shapes, probes).allSatisfy({ $0.first == $1.samples }) else {
            throw Problem("looks entries up by samples in another dimension than theirs", found: words(table.shapes[0]))
        }
        return try add(site(node), SampleEntries(), sites, type: table.type)
    }

    /// The place of the largest or smallest number along a dimension.
    mutating func extremePlace(_ node: ONNXModel.Node, isLargest: Bool) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis", "keepdims", "select_last_index")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? 0, rank), rank > 0 else { throw Problem("has no such dimension") }
        let operation = ExtremePlace(
            axis: axis, isLargest: isLargest, keepsDimension: node.integer("keepdims") ?? 1 != 0,
            isLast: node.integer("select_last_index") ?? 0 != 0)
        let name = site(node)
        let made = try add(name, operation, [site(of: input, for: name)], type: .int64)
        if let site = made.site { largest[site] = input.shapes.map { Double(max(0, $0[axis] - 1)) } }
        return made
    }
}
