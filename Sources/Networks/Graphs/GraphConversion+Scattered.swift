import Checkpoints
import Text

/// Tensors of which some parts are replaced, as programs do that write into a tensor: `bias[3:6] = 0`.
extension GraphConversion {
    /// A tensor whose parts at known places are replaced by others: a lookup in both, one after the other. So a part that was replaced passes no
    /// gradient to the tensor, and of several parts for one place the last counts.
    ///
    /// - Throws: ``Problem`` if the places are not known, or if anything is computed of the samples.
    mutating func scattered(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("reduction")
        let reduction = node.text("reduction") ?? "none"
        guard reduction == "none" else {
            throw Problem("joins new numbers with old ones, which is not run", expected: "reduction none", found: "'\(reduction)'")
        }
        let (whole, new) = (try required(node, 0), try required(node, 2))
        guard let shape = whole.fixedShape, let given = new.fixedShape, !dependsOnSamples(whole), !dependsOnSamples(new) else {
            throw constantProblem(node)
        }
        guard let places = numbers(try required(node, 1), isSetting: true), places.count == 1, let depth = places[0].shape.last else {
            throw Problem("writes to places that are computed while the model runs", expected: "constants", found: "'\(node.inputs[1])'")
        }
        guard let starts = GraphFolding.starts(places[0], in: shape) else {
            throw Problem("writes to a place outside the tensor", found: words(shape))
        }
        let part = shape[depth...].reduce(1, *)
        let count = shape[..<depth].reduce(1, *)
        guard given.reduce(1, *) == starts.count * part else {
            throw Problem(
                "the new numbers do not fill the places", expected: "\(starts.count * part)", found: "\(given.reduce(1, *))")
        }
        guard !starts.isEmpty, part > 0 else { return whole }
        try take(count)
        var entries = Array(0..<count)
        for (place, start) in starts.enumerated() { entries[start / part] = count + place }
        let name = site(node)
        let old = try reshaped(whole, to: probes.map { _ in [count, part] }, "\(name).old")
        let updates = try reshaped(new, to: probes.map { _ in [starts.count, part] }, "\(name).new")
        let both = try add(
            "\(name).both", Concatenation(axis: 0), [try site(of: old, for: "\(name).old"), try site(of: updates, for: "\(name).new")],
            type: whole.type)
        let isFlat = shape == [count, part]
        let chosen = try add(
            isFlat ? name : "\(name).chosen", EntryLookup(axis: 0, constant: (entries, [count])), [both.site!], type: whole.type)
        return isFlat ? chosen : try reshaped(chosen, to: probes.map { _ in shape }, name)
    }

    /// Whether a stored tensor may be one that the model has learned: the file says so, or it says nothing and no exporter made its name up.
    static func mayBeLearned(_ stored: ONNXModel.Stored) -> Bool {
        !stored.type.isWhole && (stored.isLearned ?? !ConstantTensors.isExporters(stored.tensor))
    }

    private func dependsOnSamples(_ value: GraphValue) -> Bool { value.site.map(dependsOnSamples) ?? false }
}
