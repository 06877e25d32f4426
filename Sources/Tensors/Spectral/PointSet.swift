/// Points in a space of few dimensions, laid out coordinate by coordinate, and the two steps of k-means that read them all.
package final class PointSet: Sendable {
    /// The number of points.
    package let count: Int
    package let dimensions: Int
    /// The count rounded up to whole vectors; the padding is at the origin and is never counted.
    let stride: Int
    private let coordinates: SharedBuffer<Double>

    /// - Parameter coordinates: one array for each dimension, each with one number for each point.
    package init(coordinates: [[Double]], count: Int) {
        precondition(coordinates.allSatisfy { $0.count == count }, "\(coordinates.map(\.count)) coordinates for \(count) points")
        self.count = count
        dimensions = coordinates.count
        let stride = (count + 7) / 8 * 8
        self.stride = stride
        let buffer = Buffer<Double>(uninitialized: coordinates.count * stride)
        buffer.base.update(repeating: 0, count: coordinates.count * stride)
        for (d, values) in coordinates.enumerated() {
            values.withUnsafeBufferPointer { if let base = $0.baseAddress { (buffer.base + d * stride).update(from: base, count: count) } }
        }
        self.coordinates = SharedBuffer(buffer)
    }

    /// The coordinates of one point.
    package subscript(point: Int) -> [Double] {
        precondition(0..<count ~= point, "point \(point) of \(count)")
        return (0..<dimensions).map { coordinates.buffer.base[$0 * stride + point] }
    }

    /// The state of one clustering of the points.
    package struct Assignment: Sendable {
        var paddedLabels: [Int64]
        var paddedDistances: [Double]

        /// Nobody assigned yet.
        package init(_ points: PointSet) {
            paddedLabels = [Int64](repeating: -1, count: points.stride)
            paddedDistances = [Double](repeating: 0, count: points.stride)
        }

        /// The cluster of a point.
        package func label(_ point: Int) -> Int { Int(paddedLabels[point]) }
        /// The squared distance of a point to its cluster's centre.
        package func distance(_ point: Int) -> Double { paddedDistances[point] }
        /// Moves a point to another cluster, whose centre it becomes.
        package mutating func move(_ point: Int, to cluster: Int) {
            paddedLabels[point] = Int64(cluster)
            paddedDistances[point] = 0
        }
    }

    /// Assigns every point to the nearest centre, the lower index on ties.
    ///
    /// - Parameter centers: [clusters, dimensions].
    /// - Returns: whether any point changed its cluster.
    package func assign(to centers: [Double], clusters: Int, _ assignment: inout Assignment) -> Bool {
        precondition(centers.count == clusters * dimensions, "\(centers.count) coordinates of \(clusters) centres")
        let points = coordinates.buffer.base
        return assignment.paddedLabels.withUnsafeMutableBufferPointer { labels in
            assignment.paddedDistances.withUnsafeMutableBufferPointer { distances in
                guard let label = labels.baseAddress, let distance = distances.baseAddress else { return false }
                return KernelSet.current.assignNearest(points, stride, count, dimensions, centers, clusters, label, distance)
            }
        }
    }

    /// The sums of the coordinates of each cluster's points, [clusters, dimensions], and the numbers of points.
    package func clusterSums(_ assignment: Assignment, clusters: Int) -> (sums: [Double], sizes: [Int]) {
        var sums = [Double](repeating: 0, count: clusters * dimensions)
        var sizes = [Int](repeating: 0, count: clusters)
        let points = coordinates.buffer.base
        guard clusters > 8 else {
            KernelSet.current.sumByCluster(points, stride, stride, dimensions, assignment.paddedLabels, clusters, &sums, &sizes)
            return (sums, sizes)
        }
        // Reading all points once for each cluster costs more than scattered additions when there are many clusters.
        for i in 0..<count {
            let label = Int(assignment.paddedLabels[i])
            sizes[label] += 1
            for d in 0..<dimensions { sums[label &* dimensions &+ d] += points[d &* stride &+ i] }
        }
        return (sums, sizes)
    }

    /// Squared distances of the points to the nearest of some centres, which grow one by one during seeding.
    package struct Distances: Sendable {
        var padded: [Double]
        /// Their sum.
        package let total: Double

        package subscript(point: Int) -> Double { padded[point] }
    }

    /// The squared distances to one point, or the smaller of those and `previous`.
    package func distances(to center: Int, before previous: Distances? = nil) -> Distances {
        let center = self[center]
        let old = previous?.padded ?? [Double](repeating: .infinity, count: count) + [Double](repeating: 0, count: stride - count)
        let points = coordinates.buffer.base
        var total = 0.0
        let padded = [Double](unsafeUninitializedCapacity: stride) { target, initialized in
            total = KernelSet.current.minimumDistances(points, stride, stride, dimensions, center, old, target.baseAddress!)
            initialized = stride
        }
        return Distances(padded: padded, total: total)
    }

    /// As ``distances(to:before:)`` for each of several points. In many dimensions the points are read once for four of them.
    package func distances(to centers: [Int], before previous: Distances) -> [Distances] {
        guard dimensions >= 16, centers.count > 1 else { return centers.map { distances(to: $0, before: previous) } }
        let points = coordinates.buffer.base
        var found: [Distances] = []
        for first in Swift.stride(from: 0, to: centers.count, by: 4) {
            // The last point is repeated where fewer than four are left.
            let four = (0..<4).flatMap { self[centers[min(first + $0, centers.count - 1)]] }
            let targets = Buffer<Double>(uninitialized: 4 * stride)
            var totals = [0.0, 0.0, 0.0, 0.0]
            KernelSet.current.minimumDistancesToFour(points, stride, stride, dimensions, four, previous.padded, targets.base, &totals)
            for own in 0..<min(4, centers.count - first) {
                let padded = [Double](UnsafeBufferPointer(start: targets.base + own * stride, count: stride))
                found.append(Distances(padded: padded, total: totals[own]))
            }
        }
        return found
    }
}
