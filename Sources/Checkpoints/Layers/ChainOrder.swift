/// The order of layers in a plain chain, found from their shapes.
enum ChainOrder {
    /// The number of steps after which the search for an order gives up.
    private static let searchLimit = 200_000

    /// Whether the layer `next` can read the output of `layer`: the sizes agree, or the output of a convolution is flattened for a linear layer.
    static func reads(_ next: MatrixLayout, from layer: MatrixLayout) -> Bool {
        let (next, layer) = (next.outputsFirst, layer.outputsFirst)
        if layer.rows == next.columns { return true }
        switch (layer, next) {
        case (.convolution(let out, _, _), .convolution(let nextOut, let input, _)):
            // Groups divide the inputs that each out-neuron reads.
            guard input > 0, out % input == 0 else { return false }
            return nextOut % (out / input) == 0
        case (.convolution(let out, _, _), _): return out > 0 && next.columns % out == 0
        case (_, .convolution(_, let input, _)): return input > 0 && layer.rows % input == 0
        default: return false
        }
    }

    /// Whether every layer reads from the one before it.
    static func isChain(_ layouts: [MatrixLayout]) -> Bool {
        zip(layouts, layouts.dropFirst()).allSatisfy { reads($1, from: $0) }
    }

    /// The places of the layers in chain order.
    ///
    /// The given order stays where it is a chain, and where no other is or several are that differ in their ends. Of several
    /// chains with the same ends, the one closest to the given order is used.
    ///
    /// - Parameter keepsFirst: whether the first layer is known to be the first.
    static func order(of layouts: [MatrixLayout], keepsFirst: Bool = false) -> [Int] {
        let given = Array(layouts.indices)
        guard layouts.count > 1, layouts.count <= 512, !isChain(layouts) else { return given }
        var search = Search(successors: given.map { a in given.filter { $0 != a && reads(layouts[$0], from: layouts[a]) } })
        for first in given.prefix(keepsFirst ? 1 : given.count) where !search.isDecided { search.extend([first]) }
        guard let found = search.found, search.endsAreUnique, search.steps < searchLimit else { return given }
        return found
    }

    private struct Search {
        let successors: [[Int]]
        private(set) var found: [Int]?
        private(set) var endsAreUnique = true
        private(set) var steps = 0
        private var isUsed: [Bool]

        init(successors: [[Int]]) {
            self.successors = successors
            isUsed = Array(repeating: false, count: successors.count)
        }

        var isDecided: Bool { !endsAreUnique || steps >= searchLimit }

        /// Goes through all chains that begin with `path`; at most 512 layers bound the recursion.
        mutating func extend(_ path: [Int]) {
            guard let last = path.last else { return }
            steps += 1
            if path.count == successors.count {
                if let found {
                    endsAreUnique = endsAreUnique && found.first == path.first && found.last == path.last
                } else {
                    found = path
                }
                return
            }
            isUsed[last] = true
            for next in successors[last] where !isUsed[next] && !isDecided { extend(path + [next]) }
            isUsed[last] = false
        }
    }
}
