/// Orders the layers of a graph so that few edges cross.
///
/// Sugiyama, Tagawa and Toda's sweeps: up and down, each layer is sorted by where the neighbours of its vertices lie (once by their mean, once
/// by their median), then neighbours in the layer are exchanged for as long as that removes crossings. The best order seen is kept; it never
/// crosses more often than the initial one. Ties keep their order, so that the same graph gives the same result.
struct CrossingReduction {
    private enum Guide { case mean, median }

    private var graph: LayerGraph
    private var position: [Int]
    private(set) var best: [[Int]]
    private(set) var crossings: Int

    init(_ graph: LayerGraph) {
        self.graph = graph
        position = [Int](repeating: 0, count: graph.layer.count)
        best = graph.initialOrder
        crossings = graph.crossings(best)
        // Large graphs get fewer sweeps and starts: about the same work altogether. Small ones are tried from so many that their best is found.
        let pieces = max(graph.pieceCount, 1)
        let sweeps = min(max(200_000 / pieces, 4), 24)
        let rounds = min(max(100_000 / pieces, 2), 8)
        let starts = min(max(40_000 / pieces, 2), 24)
        var generator = Shuffler()
        for start in 0..<starts where crossings > 0 {
            let order = start < 2 ? graph.initialOrder : graph.initialOrder.map { generator.shuffled($0) }
            improve(from: order, start % 2 == 0 ? .mean : .median, sweeps: sweeps, rounds: rounds)
        }
    }

    /// Knuth's linear congruential generator: further starts need no good random numbers, only always the same.
    private struct Shuffler {
        private var state: UInt64 = 1

        mutating func shuffled(_ values: [Int]) -> [Int] {
            var values = values
            for index in stride(from: values.count - 1, to: 0, by: -1) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                values.swapAt(index, Int(state >> 33) % (index + 1))
            }
            return values
        }
    }

    private mutating func improve(from start: [[Int]], _ guide: Guide, sweeps: Int, rounds: Int) {
        var order = start
        for vertices in order { place(vertices) }
        var failures = 0
        for sweep in 0..<sweeps where failures < (sweeps < 12 ? 3 : 6) {
            let isUpward = sweep % 2 == 0
            for index in order.indices.dropFirst() {
                let layer = isUpward ? index : order.count - 1 - index
                sort(&order[layer], by: isUpward ? \.below : \.above, guide, reversesTies: sweep % 4 >= 2)
                place(order[layer])
            }
            transpose(&order, rounds: rounds)
            let count = graph.crossings(order)
            if count < crossings {
                crossings = count
                best = order
                failures = 0
                if count == 0 { return }
            } else {
                failures += 1
            }
        }
    }

    private mutating func place(_ vertices: [Int]) {
        for (index, vertex) in vertices.enumerated() { position[vertex] = index }
    }

    /// Sorts a layer by its neighbours on one side; vertices without any stay where they are.
    private mutating func sort(
        _ vertices: inout [Int], by side: WritableKeyPath<LayerGraph, LayerGraph.Adjacency>, _ guide: Guide, reversesTies: Bool
    ) {
        let adjacency = graph[keyPath: side]
        var places: [Int] = []
        var keys: [(key: Double, tie: Int, vertex: Int)] = []
        var ends: [Int] = []
        for (index, vertex) in vertices.enumerated() {
            ends.removeAll(keepingCapacity: true)
            for neighbour in adjacency.range(vertex) { ends.append(position[Int(adjacency.neighbours[neighbour])]) }
            guard !ends.isEmpty else { continue }
            places.append(index)
            let key: Double
            switch guide {
            case .mean: key = Double(ends.reduce(0, +)) / Double(ends.count)
            case .median:
                ends.sort()
                key = Double(ends[ends.count / 2] + ends[(ends.count - 1) / 2]) / 2
            }
            keys.append((key, reversesTies ? -index : index, vertex))
        }
        keys.sort { ($0.key, $0.tie) < ($1.key, $1.tie) }
        for (place, entry) in zip(places, keys) { vertices[place] = entry.vertex }
    }

    /// Exchanges neighbours for as long as that removes crossings, a bounded number of times.
    private mutating func transpose(_ order: inout [[Int]], rounds: Int) {
        for _ in 0..<rounds {
            var hasImproved = false
            for layer in order.indices {
                let vertices = order[layer]
                sortNeighbours(vertices)
                if transpose(&order[layer], rounds: rounds) { hasImproved = true }
                place(order[layer])
            }
            if !hasImproved { return }
        }
    }

    private func transpose(_ vertices: inout [Int], rounds: Int) -> Bool {
        guard vertices.count > 1 else { return false }
        var hasImproved = false
        for _ in 0..<rounds {
            var hasChanged = false
            for index in 1..<vertices.count {
                let (left, right) = (vertices[index - 1], vertices[index])
                let gain =
                    Self.gain(graph.below, left, right, position) + Self.gain(graph.above, left, right, position)
                if gain > 0 {
                    vertices.swapAt(index - 1, index)
                    hasChanged = true
                }
            }
            if !hasChanged { break }
            hasImproved = true
        }
        return hasImproved
    }

    /// Sorts the neighbours of each vertex by where they lie, which lets two lists be compared in one pass.
    private mutating func sortNeighbours(_ vertices: [Int]) {
        for vertex in vertices {
            let position = position
            let below = graph.below.range(vertex)
            if below.count > 1 { graph.below.neighbours[below].sort { position[Int($0)] < position[Int($1)] } }
            let above = graph.above.range(vertex)
            if above.count > 1 { graph.above.neighbours[above].sort { position[Int($0)] < position[Int($1)] } }
        }
    }

    /// How many crossings vanish where two neighbours in a layer change places.
    private static func gain(_ adjacency: LayerGraph.Adjacency, _ left: Int, _ right: Int, _ position: [Int]) -> Int {
        let (lefts, rights) = (adjacency.range(left), adjacency.range(right))
        guard !lefts.isEmpty, !rights.isEmpty else { return 0 }
        if lefts.count == 1, rights.count == 1 {
            return (position[Int(adjacency.neighbours[lefts.lowerBound])] - position[Int(adjacency.neighbours[rights.lowerBound])]).signum()
        }
        // Pairs that cross now have the left one's end on the right; those with equal ends never cross.
        return pairsInOrder(adjacency, rights, lefts, position) - pairsInOrder(adjacency, lefts, rights, position)
    }

    /// How many pairs of ends have the first strictly left of the second.
    private static func pairsInOrder(
        _ adjacency: LayerGraph.Adjacency, _ first: Range<Int>, _ second: Range<Int>, _ position: [Int]
    ) -> Int {
        var total = 0
        var index = first.lowerBound
        for other in second {
            let end = position[Int(adjacency.neighbours[other])]
            while index < first.upperBound, position[Int(adjacency.neighbours[index])] < end { index += 1 }
            total += index - first.lowerBound
        }
        return total
    }
}
