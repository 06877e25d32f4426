/// Places the vertices of ordered layers from left to right.
///
/// Each vertex is drawn to the mean of its neighbours, pieces of long edges more strongly so that they become straight, and nodes a little to
/// where their layer would be spread evenly. Layer by layer the places that keep all distances and lie closest to those are found exactly, by
/// weighted isotonic regression.
struct LayerCoordinates {
    /// The centre of each vertex.
    private(set) var centres: [Double]
    /// The width that was needed, at least the one asked for.
    let width: Double

    /// - Parameters:
    ///   - sizes: the width of each node; dummies have none.
    ///   - gap: the least distance between two nodes.
    ///   - width: the room there is; more is taken where a layer does not fit.
    init(_ graph: LayerGraph, order: [[Int]], sizes: [Double], gap: Double, width: Double) {
        let nodeCount = graph.nodeCount
        func size(_ vertex: Int) -> Double { vertex < nodeCount ? sizes[vertex] : 0 }
        // A line beside a node keeps half a gap's distance, so that one between two nodes stands in the middle of theirs.
        let needed = order.map { vertices in
            let nodes = vertices.filter { $0 < nodeCount }
            let gaps = max(nodes.count - 1, 0) + (nodes.count < vertices.count ? 1 : 0)
            return nodes.reduce(0) { $0 + sizes[$1] } + gap * Double(gaps)
        }
        let width = max(width, needed.max() ?? 0)
        self.width = width
        // Where lines are many they share what the nodes leave. They stand about as close in all layers, so that they need not spread and gather
        // from one to the next.
        let lineGaps = zip(order, needed).map { (vertices, needed) -> Double in
            let lines = vertices.count { $0 >= nodeCount }
            return min(6, max(0, width - needed) / Double(max(lines, 1)))
        }
        let commonGap = max(1.5, lineGaps.min() ?? 0)
        var offsets: [[Double]] = []
        var even = [Double](repeating: width / 2, count: graph.layer.count)
        for (layer, vertices) in order.enumerated() {
            let lineGap = min(lineGaps[layer], commonGap)
            var offset = 0.0
            var places: [Double] = []
            for (index, vertex) in vertices.enumerated() {
                if index > 0 {
                    let previous = vertices[index - 1]
                    let nodes = (vertex < nodeCount ? 1 : 0) + (previous < nodeCount ? 1 : 0)
                    offset += (size(previous) + size(vertex)) / 2 + (nodes == 2 ? gap : nodes == 1 ? gap / 2 : lineGap)
                }
                places.append(offset)
            }
            offsets.append(places)
            let total = size(vertices[0]) / 2 + offset + size(vertices[vertices.count - 1]) / 2
            let pad = max(0, width - total) / Double(vertices.count)
            for (index, vertex) in vertices.enumerated() {
                even[vertex] = size(vertices[0]) / 2 + places[index] + pad * (Double(index) + 0.5)
            }
        }
        var centres = even
        let sweeps = min(max(600_000 / max(graph.pieceCount, 1), 8), 60)
        var targets: [Double] = []
        var weights: [Double] = []
        for sweep in 0..<sweeps {
            for index in order.indices {
                let layer = sweep % 2 == 0 ? index : order.count - 1 - index
                let vertices = order[layer]
                targets.removeAll(keepingCapacity: true)
                weights.removeAll(keepingCapacity: true)
                for (place, vertex) in vertices.enumerated() {
                    var weight = vertex < nodeCount ? 0.3 : 0.001
                    var sum = weight * even[vertex]
                    func pull(_ adjacency: LayerGraph.Adjacency) {
                        for neighbour in adjacency.range(vertex) {
                            let other = Int(adjacency.neighbours[neighbour])
                            let isLine = (vertex >= nodeCount, other >= nodeCount)
                            let strength = isLine.0 && isLine.1 ? 8.0 : isLine.0 || isLine.1 ? 2 : 1
                            weight += strength
                            sum += strength * centres[other]
                        }
                    }
                    pull(graph.below)
                    pull(graph.above)
                    targets.append(sum / weight - offsets[layer][place])
                    weights.append(weight)
                }
                let fitted = Self.isotonic(targets, weights)
                let low = size(vertices[0]) / 2
                let high = max(low, width - size(vertices[vertices.count - 1]) / 2 - offsets[layer][vertices.count - 1])
                for (place, vertex) in vertices.enumerated() {
                    centres[vertex] = min(max(fitted[place], low), high) + offsets[layer][place]
                }
            }
        }
        self.centres = centres
    }

    /// The rising values closest to `targets` in the weighted square: neighbours that fall are pooled.
    static func isotonic(_ targets: [Double], _ weights: [Double]) -> [Double] {
        var pools: [(mean: Double, weight: Double, count: Int)] = []
        for (target, weight) in zip(targets, weights) {
            var pool = (mean: target, weight: weight, count: 1)
            while let last = pools.last, last.mean >= pool.mean {
                let sum = last.weight + pool.weight
                pool = ((last.mean * last.weight + pool.mean * pool.weight) / sum, sum, last.count + pool.count)
                pools.removeLast()
            }
            pools.append(pool)
        }
        return pools.flatMap { [Double](repeating: $0.mean, count: $0.count) }
    }
}
