/// Runs of k-means, one after the other in the same memory: greedy k-means++ seeds, then Lloyd's algorithm.
///
/// Every way of computing a round gives the same bits.
package final class KMeansRun: @unchecked Sendable {
    /// What a run came to.
    package struct Result: Sendable {
        /// The cluster of each point.
        package let labels: [Int]
        /// The sum of squared distances to the clusters' centres.
        package let inertia: Double
        fileprivate let centers: [Double]
        fileprivate let distances: [Double]
    }

    private let points: PointSet
    private let clusters: Int
    private let pairs: PairDistances?
    /// The assignments of the last run, the last of which changed nothing.
    package private(set) var rounds = 0
    /// The sum of squared distances of the last run.
    package private(set) var inertia = 0.0

    // All [clusters, dimensions].
    private let centers: Buffer<Double>
    private let sums: Buffer<Double>
    private let sizes: Buffer<Int>
    private let labels: Buffer<Int64>
    private let distances: Buffer<Double>
    /// [clusters, stride], distances to all centres within the margin of ``PairDistances``; empty without it.
    private let table: Buffer<Double>
    private let seeding: KMeansSeeding

    /// Lloyd's algorithm always ends; this only bounds what rounding could do to that.
    private static let mostRounds = 1000

    /// - Parameters:
    ///   - clusters: at least 2; the points have a dimension.
    ///   - pairs: makes runs from seeds faster and changes nothing.
    package init(_ points: PointSet, clusters: Int, pairs: PairDistances? = nil) {
        precondition(clusters > 1 && points.dimensions > 0, "\(clusters) clusters in \(points.dimensions) dimensions")
        self.points = points
        self.clusters = clusters
        self.pairs = pairs
        let (stride, places) = (points.stride, clusters * points.dimensions)
        centers = Buffer(uninitialized: places)
        sums = Buffer(uninitialized: places)
        sizes = Buffer(uninitialized: clusters)
        labels = Buffer(uninitialized: stride)
        distances = Buffer(uninitialized: stride)
        table = Buffer(uninitialized: pairs != nil ? clusters * stride : 0)
        seeding = KMeansSeeding(points, clusters: clusters, pairs: pairs)
    }

    /// What the last run came to.
    package var result: Result {
        Result(
            labels: (0..<points.count).map { Int(labels.base[$0]) }, inertia: inertia,
            centers: Array(UnsafeBufferPointer(start: centers.base, count: centers.count)),
            distances: Array(UnsafeBufferPointer(start: distances.base, count: distances.count)))
    }

    /// A run from new seeds.
    package func run(_ generator: inout SeededGenerator) {
        seeding.choose(&generator)
        for (cluster, point) in seeding.seeds.enumerated() { put(point, inCenter: cluster) }
        settle(with: pairs)
    }

    /// A run from the centres of an earlier one with one of them moved to a point, which is drawn with probability proportional to its squared distance.
    package func run(movingCenterOf earlier: Result, _ generator: inout SeededGenerator) {
        earlier.centers.withUnsafeBufferPointer { centers.base.update(from: $0.baseAddress!, count: $0.count) }
        let cluster = generator.integer(below: clusters)
        let target = generator.uniform() * earlier.inertia
        let point = earlier.distances.withUnsafeBufferPointer { DistanceSums.point($0.baseAddress!, $0.count, beyond: target) }
        put(point, inCenter: cluster)
        settle(with: nil)
    }

    private func put(_ point: Int, inCenter cluster: Int) {
        for d in 0..<points.dimensions { centers.base[cluster * points.dimensions + d] = points.base[d * points.stride + point] }
    }

    // MARK: - Lloyd's algorithm

    /// - Parameter pairs: for centres that are the seeds.
    private func settle(with pairs: PairDistances?) {
        for i in 0..<points.stride { labels.base[i] = -1 }
        rounds = 0
        if let pairs { settleByFilter(pairs) } else { settlePlainly() }
        var sum = 0.0
        for i in 0..<points.stride { sum += distances.base[i] }
        inertia = sum
    }

    private func settlePlainly() {
        while rounds < Self.mostRounds {
            rounds += 1
            let changed = KernelSet.current.assignNearest(
                points.base, points.stride, points.count, points.dimensions, centers.base, clusters, labels.base, distances.base)
            guard changed else { return }
            sumClusters()
            if hasEmptyCluster, refill({ _, _ in }) { sumClusters() }
            moveCenters()
        }
    }

    private var hasEmptyCluster: Bool { (0..<clusters).contains { sizes.base[$0] == 0 } }

    private func sumClusters() { points.sumClusters(UnsafePointer(labels.base), clusters, sums.base, sizes.base) }

    private func moveCenters() {
        let dimensions = points.dimensions
        for cluster in 0..<clusters where sizes.base[cluster] > 0 {
            let size = Double(sizes.base[cluster])
            for place in cluster * dimensions..<(cluster + 1) * dimensions { centers.base[place] = sums.base[place] / size }
        }
    }

    /// Gives every empty cluster the point that is farthest from the centre of its own cluster, unless all are at their centres.
    ///
    /// - Parameter moved: called with the clusters that a point leaves and enters.
    private func refill(_ moved: (Int, Int) -> Void) -> Bool {
        let (labels, sizes, distances) = (labels.base, sizes.base, distances.base)
        var refilled = false
        for cluster in 0..<clusters where sizes[cluster] == 0 {
            var farthest = -1
            for point in 0..<points.count where sizes[Int(labels[point])] > 1 {
                if farthest < 0 || distances[point] > distances[farthest] { farthest = point }
            }
            guard farthest >= 0, distances[farthest] > 0 else { break }
            sizes[Int(labels[farthest])] -= 1
            moved(Int(labels[farthest]), cluster)
            labels[farthest] = Int64(cluster)
            distances[farthest] = 0
            sizes[cluster] = 1
            refilled = true
        }
        return refilled
    }

    // MARK: - With the distances between all points

    private func settleByFilter(_ pairs: PairDistances) {
        let (stride, dimensions) = (points.stride, points.dimensions)
        for (cluster, point) in seeding.seeds.enumerated() { pairs.fill(table.base + cluster * stride, meanOf: [point]) }
        let nearest = Buffer<Int64>(uninitialized: stride)
        let (smallest, next) = (Buffer<Double>(uninitialized: stride), Buffer<Double>(uninitialized: stride))
        var touched = [Bool](repeating: false, count: clusters)
        while rounds < Self.mostRounds {
            rounds += 1
            KernelSet.current.smallestTwo(UnsafePointer(table.base), stride, clusters, smallest.base, nearest.base, next.base)
            for cluster in touched.indices { touched[cluster] = false }
            var changed = false
            for point in 0..<points.count {
                let limit = smallest.base[point] + 2 * pairs.margin
                var label = Int(nearest.base[point])
                var distance = pairs.distance(point, centers.base + label * dimensions)
                if next.base[point] <= limit { (label, distance) = nearestCenter(point, within: limit, pairs) }
                distances.base[point] = distance
                let before = Int(labels.base[point])
                guard label != before else { continue }
                changed = true
                labels.base[point] = Int64(label)
                touched[label] = true
                if before >= 0 { touched[before] = true }
            }
            for place in points.count..<stride { distances.base[place] = 0 }
            guard changed else { return }
            sumRows(pairs)
            if hasEmptyCluster, refill({ for cluster in [$0, $1] { touched[cluster] = true } }) { sumRows(pairs) }
            moveCenters()
            var members = [[Int]](repeating: [], count: clusters)
            for point in 0..<points.count where touched[Int(labels.base[point])] { members[Int(labels.base[point])].append(point) }
            // The centre of an empty cluster stays, and so do the distances to it.
            for cluster in 0..<clusters where !members[cluster].isEmpty {
                pairs.fill(table.base + cluster * stride, meanOf: members[cluster])
            }
        }
    }

    /// The nearest of the centres that the filter leaves, the lower index on ties.
    private func nearestCenter(_ point: Int, within limit: Double, _ pairs: PairDistances) -> (label: Int, distance: Double) {
        var best: (label: Int, distance: Double) = (0, .infinity)
        for cluster in 0..<clusters where table.base[cluster * points.stride + point] <= limit {
            let distance = pairs.distance(point, centers.base + cluster * points.dimensions)
            if distance < best.distance { best = (cluster, distance) }
        }
        return best
    }

    /// As ``sumClusters()``, of points that lie together.
    private func sumRows(_ pairs: PairDistances) {
        guard clusters > PointSet.mostSummedByLanes else { return sumClusters() }
        let dimensions = points.dimensions
        for i in 0..<sums.count { sums.base[i] = 0 }
        for i in 0..<clusters { sizes.base[i] = 0 }
        for point in 0..<points.count {
            let label = Int(labels.base[point])
            sizes.base[label] += 1
            let (row, sum) = (pairs.coordinates(point), sums.base + label * dimensions)
            for d in 0..<dimensions { sum[d] += row[d] }
        }
    }
}
