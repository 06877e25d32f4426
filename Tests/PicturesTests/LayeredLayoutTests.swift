import Testing

@testable import Pictures

struct LayeredLayoutTests {
    /// A graph by its layers' sizes and edges between numbered nodes.
    private static func layout(_ sizes: [Int], _ edges: [(Int, Int)], width: Double = 400) -> LayeredLayout {
        let nodes = sizes.enumerated().flatMap { layer, count in
            (0..<count).map { LayeredLayout.Node(layer: layer, width: 20 + Double(($0 * 7 + layer) % 5) * 8) }
        }
        return LayeredLayout(nodes: nodes, edges: edges.map { (from: $0.0, to: $0.1) }, gap: 10, width: width)
    }

    private static func random(layers: Int, nodes: Int, edges: Int, seed: UInt64) -> (sizes: [Int], edges: [(Int, Int)]) {
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let pairs = (0..<edges).map { _ in (next(layers * nodes), next(layers * nodes)) }
        return ([Int](repeating: nodes, count: layers), pairs)
    }

    /// How often straight pieces between the layers cross, counted pair by pair from the places in the picture.
    private static func crossings(_ layout: LayeredLayout, _ edges: [(Int, Int)]) -> Int {
        var pieces: [[(Double, Double)]] = Array(repeating: [], count: layout.layers.count)
        for (index, edge) in edges.enumerated() {
            let (low, high) = layout.layer[edge.0] <= layout.layer[edge.1] ? edge : (edge.1, edge.0)
            guard layout.layer[low] < layout.layer[high] else { continue }
            let places = [layout.centres[low]] + layout.passages[index] + [layout.centres[high]]
            for step in 1..<places.count { pieces[layout.layer[low] + step - 1].append((places[step - 1], places[step])) }
        }
        var total = 0
        for pieces in pieces {
            for (index, first) in pieces.enumerated() {
                for second in pieces[..<index] where (first.0 - second.0) * (first.1 - second.1) < -1e-9 { total += 1 }
            }
        }
        return total
    }

    @Test func smallGraphsGetTheirFewestCrossings() {
        // Two edges that cross as they come; a ladder turned around; a path through three layers.
        #expect(Self.layout([2, 2], [(0, 3), (1, 2)]).crossings == 0)
        #expect(Self.layout([4, 4], [(0, 7), (1, 6), (2, 5), (3, 4)]).crossings == 0)
        #expect(Self.layout([2, 2, 2], [(0, 3), (1, 2), (3, 4), (2, 5)]).crossings == 0)
        // Every order of K(2,2) crosses once, of K(3,3) nine times.
        #expect(Self.layout([2, 2], [(0, 2), (0, 3), (1, 2), (1, 3)]).crossings == 1)
        let all = (0..<3).flatMap { low in (3..<6).map { (low, $0) } }
        #expect(Self.layout([3, 3], all).crossings == 9)
        // A tree: two roots with three leaves each, in mixed order.
        #expect(Self.layout([2, 6], [(0, 2), (1, 3), (0, 4), (1, 5), (0, 6), (1, 7)]).crossings == 0)
        // A long edge beside a path through the middle layer.
        let long = Self.layout([2, 1, 2], [(0, 4), (1, 2), (2, 3), (1, 3)])
        #expect(long.crossings == 0)
        #expect(long.initialCrossings > 0)
    }

    @Test(arguments: 0..<12)
    func smallGraphsMatchTheBestOfAllOrders(seed: Int) {
        // Two layers of five and four nodes: 5! x 4! orders are tried.
        var state = UInt64(seed) &* 7919 &+ 3
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let edges = (0..<9).map { _ in (next(5), 5 + next(4)) }
        var best = Int.max
        for lower in Self.orders([0, 1, 2, 3, 4]) {
            for upper in Self.orders([5, 6, 7, 8]) {
                var place = [Int](repeating: 0, count: 9)
                for (index, node) in lower.enumerated() { place[node] = index }
                for (index, node) in upper.enumerated() { place[node] = index }
                var count = 0
                for (index, first) in edges.enumerated() {
                    for second in edges[..<index]
                    where (place[first.0] - place[second.0]) * (place[first.1] - place[second.1]) < 0 { count += 1 }
                }
                best = min(best, count)
            }
        }
        #expect(Self.layout([5, 4], edges).crossings == best)
    }

    private static func orders(_ values: [Int]) -> [[Int]] {
        guard values.count > 1 else { return [values] }
        return values.indices.flatMap { index -> [[Int]] in
            var rest = values
            let first = rest.remove(at: index)
            return orders(rest).map { [first] + $0 }
        }
    }

    @Test(arguments: [(3, 5, 12), (6, 12, 60), (12, 14, 300), (2, 60, 200), (30, 4, 150)])
    func layersNeverCrossMoreOftenThanTheyCameAndNothingOverlaps(layers: Int, nodes: Int, edges: Int) {
        for seed in 0..<4 as Range<UInt64> {
            let graph = Self.random(layers: layers, nodes: nodes, edges: edges, seed: seed)
            let layout = Self.layout(graph.sizes, graph.edges, width: 700)
            #expect(layout.crossings <= layout.initialCrossings)
            #expect(Self.crossings(layout, graph.edges) <= layout.crossings)
            for (layer, order) in layout.layers.enumerated() {
                #expect(order.count == nodes)
                var end = -10.0
                for node in order {
                    let half = (20 + Double((node % nodes * 7 + layer) % 5) * 8) / 2
                    #expect(layout.centres[node] - half >= end + 10 - 1e-6)
                    end = layout.centres[node] + half
                }
                #expect(end <= layout.width + 1e-6)
            }
            for places in layout.passages { for place in places { #expect(place >= -1e-6 && place <= layout.width + 1e-6) } }
        }
    }

    @Test func anEdgeThatPassesLayersKeepsClearOfTheirNodes() {
        // A node in each of five layers, and an edge from the lowest to the highest.
        let layout = Self.layout([1, 1, 1, 1, 1], [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)])
        #expect(layout.passages[4].count == 3)
        for (place, node) in zip(layout.passages[4], 1...3) {
            let half = (20 + Double(node % 5) * 8) / 2
            #expect(abs(place - layout.centres[node]) >= half + 5 - 1e-6)
        }
        // It stays on one side.
        #expect(Set(zip(layout.passages[4], 1...3).map { $0 < layout.centres[$1] }).count == 1)
    }

    @Test func symmetricGraphsAreDrawnSymmetrically() {
        let layout = Self.layout([1, 2, 1], [(0, 1), (0, 2), (1, 3), (2, 3)], width: 300)
        #expect(abs(layout.centres[0] - layout.centres[3]) < 1)
        #expect(abs((layout.centres[1] + layout.centres[2]) / 2 - layout.centres[0]) < 8)
    }

    @Test func emptyAndOddGraphsHaveALayout() {
        #expect(LayeredLayout(nodes: [], edges: [], gap: 5, width: 100).layers.isEmpty)
        #expect(Self.layout([1], []).centres == [200])
        // Loops, edges within a layer, edges twice, layers far apart and negative.
        let nodes = [-5, 900_000_000, 900_000_000, .max, .min].map { LayeredLayout.Node(layer: $0, width: 10) }
        let layout = LayeredLayout(
            nodes: nodes, edges: [(0, 0), (1, 2), (0, 1), (1, 0), (0, 3), (4, 3)], gap: 5, width: 100)
        #expect(layout.layer == [1, 2, 2, 3, 0])
        #expect(layout.passages.map(\.count) == [0, 0, 0, 0, 1, 2])
        #expect(layout.crossings == 0)
    }

    @Test func aLayerThatDoesNotFitWidensThePicture() {
        let layout = Self.layout([100, 1], [(0, 100)], width: 200)
        #expect(layout.width > 100 * 20)
        #expect(layout.centres.allSatisfy { $0 >= 0 && $0 <= layout.width })
    }

    @Test func theSameGraphGivesTheSameLayout() {
        let graph = Self.random(layers: 10, nodes: 10, edges: 200, seed: 9)
        let first = Self.layout(graph.sizes, graph.edges)
        let second = Self.layout(graph.sizes, graph.edges)
        #expect(first.centres == second.centres)
        #expect(first.passages == second.passages)
    }

    @Test func thousandsOfEdgesAreLaidOut() {
        let graph = Self.random(layers: 26, nodes: 15, edges: 4000, seed: 2)
        let layout = Self.layout(graph.sizes, graph.edges, width: 1200)
        #expect(layout.crossings < layout.initialCrossings)
    }

    @Test func isotonicRegressionIsExact() {
        #expect(LayerCoordinates.isotonic([1, 2, 3], [1, 1, 1]) == [1, 2, 3])
        #expect(LayerCoordinates.isotonic([3, 1], [1, 3]) == [1.5, 1.5])
        #expect(LayerCoordinates.isotonic([4, 2, 0, 9, 1], [1, 1, 1, 1, 1]) == [2, 2, 2, 5, 5])
    }
}
