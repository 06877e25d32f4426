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
        /// The sum of the squared distances.
        package var inertia: Double {
            var sum = 0.0
            for distance in paddedDistances { sum += distance }
            return sum
        }
        /// The first point up to which the distances sum to more than `target`; the last that has one where rounding leaves none.
        package func point(beyond target: Double) -> Int { PointSet.point(paddedDistances, beyond: target) }
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
        sumClusters(assignment, &sums, &sizes)
        return (sums, sizes)
    }

    /// Does the same with arrays that exist, whose lengths tell the number of clusters.
    package func sumClusters(_ assignment: Assignment, _ sums: inout [Double], _ sizes: inout [Int]) {
        let clusters = sizes.count
        precondition(sums.count == clusters * dimensions, "\(sums.count) sums for \(clusters) clusters")
        let points = coordinates.buffer.base
        guard clusters > 8 else {
            KernelSet.current.sumByCluster(points, stride, stride, dimensions, assignment.paddedLabels, clusters, &sums, &sizes)
            return
        }
        for i in sums.indices { sums[i] = 0 }
        for i in sizes.indices { sizes[i] = 0 }
        // Reading all points once for each cluster costs more than scattered additions when there are many clusters.
        for i in 0..<count {
            let label = Int(assignment.paddedLabels[i])
            sizes[label] += 1
            for d in 0..<dimensions { sums[label &* dimensions &+ d] += points[d &* stride &+ i] }
        }
    }

    /// Squared distances of the points to the nearest of some centres, which grow one by one during seeding.
    package struct Distances: Equatable, Sendable {
        fileprivate var padded: [Double]
        /// Their sum.
        package fileprivate(set) var total: Double

        /// The first point up to which the distances sum to more than `target`; the last that has one where rounding leaves none.
        package func point(beyond target: Double) -> Int { PointSet.point(padded, beyond: target) }
    }

    /// The squared distances to one point.
    package func distances(to center: Int) -> Distances {
        let unbounded = [Double](repeating: .infinity, count: count) + [Double](repeating: 0, count: stride - count)
        var distances = Distances(padded: [Double](repeating: 0, count: stride), total: 0)
        lower(Distances(padded: unbounded, total: .infinity), to: center, into: &distances)
        return distances
    }

    /// The squared distances to one point where they are smaller than `previous`, and these otherwise, into `next`.
    package func lower(_ previous: Distances, to center: Int, into next: inout Distances) {
        precondition(0..<count ~= center, "point \(center) of \(count)")
        precondition(previous.padded.count == stride && next.padded.count == stride, "distances of other points")
        next.total = KernelSet.current.minimumDistances(
            coordinates.buffer.base, stride, dimensions, center, previous.padded, &next.padded)
    }

    /// Whether the points have so many dimensions that they are better read once for several centres.
    package var isWide: Bool { dimensions >= 16 }

    /// As ``lower(_:to:into:)`` for each of several points, with the same bits. All points are read once for four of them.
    package func distances(to centers: [Int], before previous: Distances) -> [Distances] {
        precondition(centers.allSatisfy { 0..<count ~= $0 } && previous.padded.count == stride, "distances of other points")
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

    /// See ``Distances/point(beyond:)``.
    fileprivate static func point(_ distances: [Double], beyond target: Double) -> Int {
        distances.withUnsafeBufferPointer { distances in
            var sum = 0.0
            for point in 0..<distances.count {
                sum += distances[point]
                if sum > target { return point }
            }
            return distances.lastIndex { $0 > 0 } ?? 0
        }
    }
}
