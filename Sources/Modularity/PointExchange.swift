import Tensors

/// Moves single points between clusters as long as that lowers the objective of k-means (Hartigan and Wong 1979).
///
/// A point leaves a cluster of n points where n / (n - 1) times its squared distance to the centre is more than m / (m + 1) times that
/// to the centre of another cluster of m: both centres move with it, which Lloyd's algorithm does not see. Clusters that no such
/// move improves are stable under Lloyd's algorithm too, not the other way round; with few points the difference is large.
struct PointExchange {
    private let dimensions: Int
    private let clusters: Int
    /// [points, dimensions].
    private let coordinates: [Double]

    /// Rounding could let points move for ever; this ends it.
    private static let mostScans = 200
    /// The share of the objective that a move must gain to be more than rounding.
    private static let leastGain = 1e-12
    /// Above so many points in the average cluster one of them hardly moves its centre.
    private static let mostPointsPerCluster = 64
    /// The most coordinates to compare in a scan.
    private static let largestScan = 1 << 17

    /// - Returns: nil where there are so many points that looking at each of them alone is not worth its time.
    init?(_ points: PointSet, clusters: Int) {
        let (scan, overflow) = (points.count * points.dimensions).multipliedReportingOverflow(by: clusters)
        guard !overflow, scan <= Self.largestScan, points.count / clusters <= Self.mostPointsPerCluster else { return nil }
        dimensions = points.dimensions
        self.clusters = clusters
        coordinates = (0..<points.count).flatMap { points[$0] }
    }

    /// Moves points until no move is worth it.
    ///
    /// - Parameters:
    ///   - centers: [clusters, dimensions], the means of the clusters' points; they move along.
    ///   - sizes: the number of each cluster's points; a cluster's last point stays.
    /// - Returns: whether any point moved.
    func improve(_ assignment: inout PointSet.Assignment, centers: inout [Double], sizes: inout [Int]) -> Bool {
        let count = coordinates.count / dimensions
        // What a point's squared distance counts when it leaves a cluster of so many points, and when it enters one.
        var leaving = sizes.map { $0 > 1 ? Double($0) / Double($0 - 1) * (1 - Self.leastGain) : 0 }
        var entering = sizes.map { Double($0) / Double($0 + 1) }
        var labels = (0..<count).map { assignment.label($0) }
        var hasMoved = false
        var unmoved = 0
        for step in 0..<count * Self.mostScans where unmoved < count {
            let point = step % count
            unmoved += 1
            let home = labels[point]
            guard sizes[home] > 1 else { continue }
            var best = (cluster: home, cost: distance(point, centers, home) * leaving[home])
            for cluster in 0..<clusters where cluster != home {
                let cost = distance(point, centers, cluster) * entering[cluster]
                if cost < best.cost { best = (cluster, cost) }
            }
            guard best.cluster != home else { continue }
            move(point, centers: &centers, from: home, sizes[home], to: best.cluster, sizes[best.cluster])
            sizes[home] -= 1
            sizes[best.cluster] += 1
            for cluster in [home, best.cluster] {
                let size = Double(sizes[cluster])
                leaving[cluster] = size > 1 ? size / (size - 1) * (1 - Self.leastGain) : 0
                entering[cluster] = size / (size + 1)
            }
            labels[point] = best.cluster
            assignment.move(point, to: best.cluster)
            hasMoved = true
            unmoved = 0
        }
        return hasMoved
    }

    private func distance(_ point: Int, _ centers: [Double], _ cluster: Int) -> Double {
        var sum = 0.0
        for d in 0..<dimensions {
            let difference = coordinates[point &* dimensions &+ d] - centers[cluster &* dimensions &+ d]
            sum += difference * difference
        }
        return sum
    }

    private func move(_ point: Int, centers: inout [Double], from home: Int, _ homeSize: Int, to target: Int, _ targetSize: Int) {
        for d in 0..<dimensions {
            let x = coordinates[point * dimensions + d]
            centers[home * dimensions + d] -= (x - centers[home * dimensions + d]) / Double(homeSize - 1)
            centers[target * dimensions + d] += (x - centers[target * dimensions + d]) / Double(targetSize + 1)
        }
    }
}
