import Text

extension Network {
    /// The shape in which the network reads samples of the given shape: the same numbers in the same order.
    ///
    /// Images are flattened for a network of flat samples, and get a channel for a network of images with a single channel.
    ///
    /// - Throws: ``Problem`` if they do not fit.
    package func sampleShape(for given: [Int]) throws(Problem) -> [Int] {
        guard case .values(let wanted) = input else {
            throw Problem(
                "the model reads tokens", expected: "token ids or text", found: "samples of \(Self.words(given.map(Optional.some)))")
        }
        func fits(_ shape: [Int]) -> Bool { shape.count == wanted.count && zip(wanted, shape).allSatisfy { $0 == nil || $0 == $1 } }
        if fits(given) { return given }
        let fixed = wanted.compactMap { $0 }
        if fixed.count == wanted.count, Self.isSame(given, fixed) { return fixed }
        if fits([1] + given) { return [1] + given }
        var hint: Hint?
        if wanted.count == 3, given.count == 3, given[2] == wanted[0] { hint = "the channels come first, as in PyTorch" }
        throw Problem(
            "the samples do not fit the model", expected: "samples of \(Self.words(wanted))",
            found: "samples of \(Self.words(given.map(Optional.some)))", hint: hint)
    }

    /// Whether numbers of one shape are those of the other in the same order, whoever wrote them: dimensions of 1 aside, the shapes are equal, or one
    /// is flat. How flat images of several channels are to be read is not known.
    private static func isSame(_ given: [Int], _ wanted: [Int]) -> Bool {
        let (given, wanted) = (given.filter { $0 != 1 }, wanted.filter { $0 != 1 })
        if given == wanted { return true }
        return given.reduce(1, *) == wanted.reduce(1, *) && (wanted.count <= 1 || given.count <= 1 && wanted.count <= 2)
    }

    /// The nodes whose outputs a run from a recorded one reads: everything that a changed node or parameter leaves as it was and that
    /// is read downstream of it, and the changed nodes' own outputs before the change. Nodes that a fusion leaves out are not read.
    package func frontier(intervened: Set<NodeID> = [], parameters changed: Set<ParameterID> = []) -> Set<NodeID> {
        var isDirty = [Bool](repeating: false, count: nodes.count)
        var frontier: Set<NodeID> = []
        for (index, node) in nodes.enumerated() {
            let hasDirtyInput = node.inputs.contains { isDirty[$0.index] } || node.parameters.contains { changed.contains($0) }
            if hasDirtyInput {
                let fusion = node.fusion.flatMap { fusion in fusion.replaces.contains(where: intervened.contains) ? nil : fusion }
                for input in fusion?.inputs ?? node.inputs where !isDirty[input.index] { frontier.insert(input) }
            } else if intervened.contains(NodeID(index)) {
                frontier.insert(NodeID(index))
            }
            isDirty[index] = hasDirtyInput || intervened.contains(NodeID(index))
        }
        return frontier
    }
}
