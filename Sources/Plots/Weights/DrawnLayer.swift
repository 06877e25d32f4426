import Pictures
import Text

/// A layer whose weights a picture shows; they are read when it is drawn.
package struct DrawnLayer: Sendable {
    /// Calls its argument with the number and the weights of every row, in the order of the file.
    package typealias Rows = @Sendable (_ body: (_ number: Int, _ weights: UnsafeBufferPointer<Float>) throws -> Void) throws -> Void

    package var name: String
    /// The cluster of each out-neuron, a row of the matrix; negative for none.
    package var outClusters: [Int]
    /// The cluster of each in-neuron, a column of the matrix; negative for none.
    package var inClusters: [Int]
    /// The number of clusters; nil where there are none.
    package var clusterCount: Int?
    /// The share of squared weight inside the clusters; nil where it is undefined.
    package var clusterability: Double?
    /// The same of permuted weights, on average; nil where it was not asked for.
    package var noise: Double?
    private let forEachRow: Rows

    package init(
        name: String, outClusters: [Int], inClusters: [Int], clusterCount: Int? = nil, clusterability: Double? = nil, noise: Double? = nil,
        forEachRow: @escaping Rows
    ) {
        self.name = name
        self.outClusters = outClusters
        self.inClusters = inClusters
        self.clusterCount = clusterCount
        self.clusterability = clusterability
        self.noise = noise
        self.forEachRow = forEachRow
    }

    /// What the clusters come to, after the name: `fc2.weight, k = 4: clusterability 0.84 (noise 0.57)`.
    var title: String {
        guard let clusterCount else { return name.singleLine }
        let numbers = Words.together([clusterability, noise])
        return "\(name.singleLine), k = \(clusterCount): clusterability \(numbers[0])" + (noise == nil ? "" : " (noise \(numbers[1]))")
    }

    /// The scores, as the marks of a picture carry them.
    var facts: [Datum] {
        var facts = [Datum("layer", name)]
        if let clusterCount { facts.append(Datum("k", clusterCount)) }
        if let clusterability { facts.append(Datum("clusterability", clusterability)) }
        if let noise { facts.append(Datum("noise", noise)) }
        return facts
    }

    /// The neurons cluster by cluster, those without one last, each in the order of their numbers.
    static func order(_ clusters: [Int]) -> [Int] {
        clusters.indices.sorted { first, second in
            let (a, b) = (clusters[first] < 0 ? Int.max : clusters[first], clusters[second] < 0 ? Int.max : clusters[second])
            return a == b ? first < second : a < b
        }
    }

    /// The magnitudes of the weights, reduced to so many cells in each direction.
    func magnitudes(inClusterOrder isOrdered: Bool, side: Int) throws -> ReducedMatrix {
        var order = ReducedMatrix.Order()
        if isOrdered { order = .init(rows: Self.order(outClusters), columns: Self.order(inClusters)) }
        var reducer = MatrixReducer(rows: outClusters.count, columns: inClusters.count, side: side, method: .mean, order: order)
        let magnitudes = UnsafeMutableBufferPointer<Float>.allocate(capacity: inClusters.count)
        magnitudes.initialize(repeating: 0)
        defer { magnitudes.deallocate() }
        try forEachRow { number, weights in
            for column in weights.indices { magnitudes[column] = abs(weights[column]) }
            reducer.add(row: number, UnsafeBufferPointer(magnitudes))
        }
        return reducer.reduced
    }

    /// The heaviest weights.
    ///
    /// - Parameters:
    ///   - fold: so many neighbouring in-neurons count as one, whose weight is the root of the sum of their squares.
    ///   - most: how many of so many weights are kept at most.
    func heaviest(limit: Int, fold: Int = 1, most: (Int) -> Int) throws -> HeaviestWeights {
        var gatherer = HeaviestWeights.Gatherer(limit: limit)
        let count = inClusters.count / max(fold, 1)
        let folded = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        folded.initialize(repeating: 0)
        defer { folded.deallocate() }
        try forEachRow { number, weights in
            guard fold > 1 else {
                gatherer.add(row: number, weights)
                return
            }
            for place in 0..<count {
                var sum = 0.0
                for weight in weights[(place * fold)..<((place + 1) * fold)] { sum += Double(weight) * Double(weight) }
                folded[place] = Float(sum.squareRoot())
            }
            gatherer.add(row: number, UnsafeBufferPointer(folded))
        }
        let found = gatherer.heaviest
        return HeaviestWeights(entries: Array(found.entries.prefix(max(most(found.count), 0))), count: found.count)
    }
}

/// What is drawn of a model's weights.
package struct DrawnModel: Sendable {
    /// The checkpoint.
    package var path: String
    package var layers: [DrawnLayer]
    /// The mean clusterability of the layers, and that of permuted weights.
    package var mean: Double?
    package var noise: Double?

    package init(path: String, layers: [DrawnLayer], mean: Double? = nil, noise: Double? = nil) {
        self.path = path
        self.layers = layers
        self.mean = mean
        self.noise = noise
    }
}
