/// A graph whose edges join neighbouring layers only: long edges are cut into pieces by dummies, one in each layer that they pass.
struct LayerGraph {
    /// A vertex is a node (as numbered by the caller) or, beyond those, a dummy.
    let nodeCount: Int
    let layerCount: Int
    /// The layer of each vertex, without gaps between layers.
    let layer: [Int]
    /// The vertices along each edge from the lower end to the upper; empty for an edge within a layer.
    let chains: [[Int]]
    /// The neighbours of each vertex in the layer below and in that above.
    var below: Adjacency
    var above: Adjacency
    /// The vertices of each layer in the order of straight lines: nodes as they came, dummies where the line from end to end passes.
    let initialOrder: [[Int]]

    /// The neighbours of each vertex, one after the other.
    struct Adjacency {
        let starts: [Int]
        var neighbours: [Int32]

        init(_ pairs: [(Int, Int)], count: Int) {
            var starts = [Int](repeating: 0, count: count + 1)
            for (vertex, _) in pairs { starts[vertex + 1] += 1 }
            for index in 0..<count { starts[index + 1] += starts[index] }
            var next = starts
            var neighbours = [Int32](repeating: 0, count: pairs.count)
            for (vertex, other) in pairs {
                neighbours[next[vertex]] = Int32(other)
                next[vertex] += 1
            }
            self.starts = starts
            self.neighbours = neighbours
        }

        func range(_ vertex: Int) -> Range<Int> { starts[vertex]..<starts[vertex + 1] }
    }

    /// - Parameters:
    ///   - layers: the layer of each node; any numbers, of which only the order counts.
    ///   - edges: pairs of nodes, in either direction.
    init(layers: [Int], edges: [(from: Int, to: Int)]) {
        let used = Set(layers).sorted()
        let compact = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, $0) })
        var layer = layers.map { compact[$0]! }
        var order = [[Int]](repeating: [], count: used.count)
        for (node, place) in layer.enumerated() { order[place].append(node) }
        // Where each vertex lies in its layer, from 0 to 1.
        var share = [Double](repeating: 0, count: layers.count)
        for nodes in order {
            for (index, node) in nodes.enumerated() { share[node] = (Double(index) + 0.5) / Double(nodes.count) }
        }
        var chains: [[Int]] = []
        var pairs: [(Int, Int)] = []
        for edge in edges {
            let (lower, upper) = layer[edge.from] <= layer[edge.to] ? (edge.from, edge.to) : (edge.to, edge.from)
            let (first, last) = (layer[lower], layer[upper])
            guard first < last else {
                chains.append([])
                continue
            }
            var chain = [lower]
            for place in first + 1..<max(last, first + 1) {
                let part = Double(place - first) / Double(last - first)
                chain.append(layer.count)
                order[place].append(layer.count)
                layer.append(place)
                share.append(share[lower] + part * (share[upper] - share[lower]))
            }
            chain.append(upper)
            for index in 1..<chain.count { pairs.append((chain[index - 1], chain[index])) }
            chains.append(chain)
        }
        nodeCount = layers.count
        layerCount = used.count
        self.layer = layer
        self.chains = chains
        above = Adjacency(pairs, count: layer.count)
        below = Adjacency(pairs.map { ($1, $0) }, count: layer.count)
        initialOrder = order.map { $0.sorted { (share[$0], $0) < (share[$1], $1) } }
    }

    /// How many pieces of edges there are.
    var pieceCount: Int { above.neighbours.count }

    /// How often edges cross in an order of the layers: Barth, Jünger and Mutzel's count by an accumulator tree, in O(E log V).
    func crossings(_ order: [[Int]]) -> Int {
        var position = [Int](repeating: 0, count: layer.count)
        for vertices in order {
            for (index, vertex) in vertices.enumerated() { position[vertex] = index }
        }
        var total = 0
        for lower in 0..<max(layerCount - 1, 0) {
            total += crossings(between: order[lower], positions: position, width: order[lower + 1].count)
        }
        return total
    }

    private func crossings(between vertices: [Int], positions: [Int], width: Int) -> Int {
        var first = 1
        while first < width { first *= 2 }
        var tree = [Int](repeating: 0, count: 2 * first)
        var total = 0
        var ends: [Int] = []
        for vertex in vertices {
            ends.removeAll(keepingCapacity: true)
            for index in above.range(vertex) { ends.append(positions[Int(above.neighbours[index])]) }
            ends.sort()
            for end in ends {
                // How many of the earlier edges end further to the right.
                var place = end + first
                tree[place] += 1
                while place > 1 {
                    if place % 2 == 0 { total += tree[place + 1] }
                    place /= 2
                    tree[place] += 1
                }
            }
        }
        return total
    }
}
