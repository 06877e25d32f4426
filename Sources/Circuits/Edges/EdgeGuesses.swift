/// Guesses the decisions about edges: the decision about those from the same sources at the last reader of the same kind (queries, keys,
/// values, MLPs and neurons), or what became of the last edge; whichever was wrong less often with the reader's edges so far.
struct EdgeGuesses {
    /// The first source of the present reader, and its kind.
    private var first = 0
    private var kind = 0
    /// Whether edges went, by the kind of reader and the source.
    private var decisions: [Int: [Int: Bool]] = [:]
    private var last = true
    /// The wrong guesses of either sort with this reader, where both had one.
    private var errors = (known: 0, last: 0)
    /// How often a guess was wrong, later ones counting more.
    private var errorRate = 1.0 / 32

    /// Begins with a reader.
    mutating func begin(_ reader: Int, of graph: EdgeGraph) {
        first = graph.readers[reader].sources.lowerBound
        errors = (0, 0)
        for unit in graph.stages[graph.readers[reader].stage].units {
            guard let member = unit.readers.first(where: { $0.reader == reader }) else { continue }
            kind = unit.readers.count > 1 ? member.slices.first?.target ?? 0 : -1
            return
        }
    }

    /// What was decided on a source of the reader before.
    private func known(_ place: Int) -> Bool? { decisions[kind]?[first + place] }

    /// Whether the edges from the reader's sources at these places are going to go.
    func areRemoved(_ places: [Int]) -> [Bool] { places.map { isRemoved($0) } }

    private func isRemoved(_ place: Int) -> Bool { errors.known <= errors.last ? known(place) ?? last : last }

    /// How many edges to try together: the w that minimises overhead / w + errorRate w / 2, the extra cost of an edge if half
    /// of the w are wasted after a wrong guess.
    ///
    /// - Parameter overhead: the fixed cost of a try, in units of an edge.
    func width(overhead: Double) -> Int {
        // Without wrong guesses the rate approaches 0, and w would be infinite.
        max(1, Int((2 * overhead / max(errorRate, 1e-6)).squareRoot()))
    }

    mutating func learn(isRemoved: Bool, _ place: Int) {
        errorRate += ((isRemoved == self.isRemoved(place) ? 0 : 1) - errorRate) / 64
        if let known = known(place) {
            errors.known += known == isRemoved ? 0 : 1
            errors.last += last == isRemoved ? 0 : 1
        }
        decisions[kind, default: [:]][first + place] = isRemoved
        last = isRemoved
    }
}
