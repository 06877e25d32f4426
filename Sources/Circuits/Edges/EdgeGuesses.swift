/// Guesses of what becomes of edges: what became of those from the same sources at the stage's last reader of the same kind (queries, keys,
/// values, neurons); without one, what became of the last edge.
struct EdgeGuesses {
    private var stage: Int?
    private var kind = 0
    /// Whether edges went, by the kind of reader and the source's place.
    private var decisions: [Int: [Int: Bool]] = [:]
    private var last = true

    /// Begins with a reader.
    mutating func begin(_ reader: Int, of graph: EdgeGraph) {
        let stage = graph.readers[reader].stage
        if stage != self.stage { decisions = [:] }
        self.stage = stage
        let members = graph.stages[stage].units.lazy.flatMap(\.readers)
        kind = members.first { $0.reader == reader }?.slices.first?.target ?? 0
    }

    /// Whether the edges from sources at these places are going to go.
    func areRemoved(_ places: [Int]) -> [Bool] { places.map { decisions[kind]?[$0] ?? last } }

    mutating func learn(isRemoved: Bool, _ place: Int) {
        decisions[kind, default: [:]][place] = isRemoved
        last = isRemoved
    }
}
