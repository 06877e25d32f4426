/// Guesses of what becomes of edges: what became of those from the same sources at the stage's last reader of the same kind (queries, keys,
/// values, neurons); without one, what became of the last edge.
struct EdgeGuesses {
    private var stage: Int?
    private var kind = 0
    /// Whether edges went, by the kind of reader and the source's place.
    private var decisions: [Int: [Int: Bool]] = [:]
    private var last = true
    /// How often a guess was wrong, later ones counting more.
    private var errorRate = 1.0 / 32

    /// Begins with a reader.
    mutating func begin(_ reader: Int, of graph: EdgeGraph) {
        let stage = graph.readers[reader].stage
        if stage != self.stage { decisions = [:] }
        self.stage = stage
        let members = graph.stages[stage].units.lazy.flatMap(\.readers)
        kind = members.first { $0.reader == reader }?.slices.first?.target ?? 0
    }

    /// Whether the edges from sources at these places are going to go.
    func areRemoved(_ places: [Int]) -> [Bool] { places.map { isRemoved($0) } }

    private func isRemoved(_ place: Int) -> Bool { decisions[kind]?[place] ?? last }

    /// How many edges to try together: w that makes overhead / w + errorRate w / 2 the least, what an edge costs beside itself where half of
    /// the w are in vain after a wrong guess.
    ///
    /// - Parameter overhead: what it costs to begin, in units of an edge.
    func width(overhead: Double) -> Int { max(1, Int((2 * overhead / errorRate).squareRoot())) }

    mutating func learn(isRemoved: Bool, _ place: Int) {
        errorRate += ((isRemoved == self.isRemoved(place) ? 0 : 1) - errorRate) / 64
        decisions[kind, default: [:]][place] = isRemoved
        last = isRemoved
    }
}
