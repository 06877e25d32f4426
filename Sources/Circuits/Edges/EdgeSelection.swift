/// How edges are selected for a circuit.
package enum EdgeSelection: String, Sendable, CaseIterable {
    /// The edges with the largest scores.
    case top
    /// From the output backwards: the edge of the largest score among those that lead into what the circuit already has.
    case greedy

    /// The documentation of the value for help and manual, one sentence.
    package var documentation: String {
        switch self {
        case .top: "The edges with the largest scores."
        case .greedy: "From the output back, always the largest edge that leads into a node already reached."
        }
    }
}

extension EdgeGraph {
    /// All edges that can be selected, in the order in which they enter a circuit. Edges with equal scores are in the order of a run.
    package func order(_ scores: [Double], by selection: EdgeSelection) -> [Int] {
        let ranking = EdgeScores.ranking(scores)
        switch selection {
        case .top: return ranking
        case .greedy: return greedyOrder(ranking)
        }
    }

    private func greedyOrder(_ ranking: [Int]) -> [Int] {
        var rank = [Int](repeating: 0, count: ranking.count)
        for (place, edge) in ranking.enumerated() { rank[edge] = place }
        var isOpen = [Bool](repeating: false, count: ranking.count)
        var isReached = [Bool](repeating: false, count: sources.count)
        var next = ranking.count
        func open(_ reader: Int) {
            for edge in edges(to: reader) {
                isOpen[rank[edge]] = true
                next = min(next, rank[edge])
            }
        }
        var readersOf = [[Int]](repeating: [], count: sources.count)
        for (place, reader) in readers.enumerated() {
            if reader.writes.isEmpty { open(place) }
            for source in reader.writes { readersOf[source].append(place) }
        }
        var order: [Int] = []
        while next < ranking.count {
            guard isOpen[next] else {
                next += 1
                continue
            }
            isOpen[next] = false
            let edge = ranking[next]
            order.append(edge)
            let source = ends(of: edge).source
            if !isReached[source] {
                isReached[source] = true
                // A reader that several sources share has its edges in the order already where one of them was reached before.
                for reader in readersOf[source] where !readers[reader].writes.contains(where: { $0 != source && isReached[$0] }) {
                    open(reader)
                }
            }
        }
        return order
    }

    /// The edges of a circuit without those that lead nowhere: dropping them changes nothing.
    ///
    /// The remaining edges are on a path to the output. With corrupted sources the path begins at the input: a node that no edge leads to has
    /// its value on the corrupted sample anyway. With other sources its output depends on its biases, and an edge may carry it on.
    package func connected(_ kept: EdgeSet, _ ablation: EdgeAblation = .corrupted) -> EdgeSet {
        precondition(kept.count == edgeCount, "\(kept.count) of \(edgeCount) edges")
        var isFed = [Bool](repeating: ablation != .corrupted, count: sources.count)
        isFed[0] = true
        for (place, reader) in readers.enumerated() {
            let edges = edges(to: place)
            let reads = reader.sources.contains { isFed[$0] && kept[edges.lowerBound + $0 - reader.sources.lowerBound] }
            if reads { for source in reader.writes { isFed[source] = true } }
        }
        var isRead = [Bool](repeating: false, count: sources.count)
        var connected = empty
        for (place, reader) in readers.enumerated().reversed() where reader.writes.isEmpty || reader.writes.contains(where: { isRead[$0] })
        {
            for (source, edge) in zip(reader.sources, edges(to: place)) where kept[edge] && isFed[source] {
                connected[edge] = true
                isRead[source] = true
            }
        }
        return connected
    }

    /// The circuit of the first edges of an order, without those that lead nowhere.
    package func circuit(_ order: some Sequence<Int>, _ ablation: EdgeAblation = .corrupted) -> EdgeSet {
        var kept = empty
        for edge in order { kept[edge] = true }
        return connected(kept, ablation)
    }
}
