import Checkpoints
import Text

/// Numbers of a value laid out in one dimension that are chosen anew for each sample among its own, as PyTorch's dynamo exporter writes
/// `as_strided`.
extension GraphConversion {
    /// What a list of entries chooses of a value in one dimension, where it chooses the same of each sample's numbers; nil if it does not, or
    /// if the samples do not lie one after the other.
    ///
    /// - Parameter lists: the entries, for each probe, or for the number of samples that the file fixes.
    func rowOfEachSample(_ table: GraphValue, _ lists: [GraphNumbers]) -> (row: [Int], shape: [Int])? {
        guard table.site != nil, let place = samplePlace(table), place.isOfOneLength, place.inner == place.factors,
            let shape = lists.first.map({ Array($0.shape.dropFirst()) }), let counts = samples(of: lists)
        else { return nil }
        let count = place.factor
        let row = lists[0].integers.prefix(shape.reduce(1, *)).map { $0 }
        guard !row.isEmpty, row.allSatisfy({ (0..<count).contains($0) }) else { return nil }
        for (list, samples) in zip(lists, counts) {
            guard list.shape == [samples] + shape,
                list.integers.enumerated().allSatisfy({ $1 == row[$0 % row.count] + $0 / row.count * count })
            else { return nil }
        }
        return (row, shape)
    }

    /// The number of samples that each list is for; nil if that is not known.
    private func samples(of lists: [GraphNumbers]) -> [Int]? {
        lists.count == probes.count ? probes.map(\.samples) : lists.count == 1 ? fixedSamples.map { [$0] } : nil
    }

    /// The numbers that entries choose of a value in one dimension, each sample's among its own: all in their order, or some; nil if the
    /// entries are not the same for each sample.
    ///
    /// - Throws: ``Problem`` if the shapes do not go together.
    mutating func entriesOfEachSample(
        _ node: ONNXModel.Node, _ table: GraphValue, _ lists: [GraphNumbers]
    ) throws(Problem) -> GraphValue? {
        guard let (row, shape) = rowOfEachSample(table, lists), let count = samplePlace(table)?.factor else { return nil }
        let shapes = probes.map { [$0.samples] + shape }
        if row == Array(0..<count) { return try reshaped(table, to: shapes, site(node)) }
        let apart = try reshaped(table, to: probes.map { [$0.samples, count] }, site(node, "samples"))
        let chosen = try add(
            site(node, "entries"), EntryLookup(axis: 1, constant: (row, [row.count])), [apart.site!], type: table.type)
        return try reshaped(chosen, to: shapes, site(node))
    }
}
