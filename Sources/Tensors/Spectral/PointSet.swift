/// Points in a space of few dimensions, laid out coordinate by coordinate, and the two steps of k-means that read them all.
package final class PointSet: Sendable {
    /// The number of points.
    package let count: Int
    package let dimensions: Int
    /// The count rounded up to whole vectors; the padding is at the origin and is never counted.
    let stride: Int
    private let coordinates: SharedBuffer<Double>
    /// [dimensions, stride].
    var base: UnsafePointer<Double> { UnsafePointer(coordinates.buffer.base) }

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
        sumClusters(assignment.paddedLabels, clusters, &sums, &sizes)
        return (sums, sizes)
    }

    /// Up to so many clusters are summed by lanes: reading all points once for each costs more than scattered additions when there are many.
    static let mostSummedByLanes = 8

    /// The same from labels, [stride], into memory that exists.
    func sumClusters(
        _ labels: UnsafePointer<Int64>, _ clusters: Int, _ sums: UnsafeMutablePointer<Double>, _ sizes: UnsafeMutablePointer<Int>
    ) {
        guard clusters > Self.mostSummedByLanes else {
            KernelSet.current.sumByCluster(base, stride, stride, dimensions, labels, clusters, sums, sizes)
            return
        }
        for i in 0..<clusters * dimensions { sums[i] = 0 }
        for i in 0..<clusters { sizes[i] = 0 }
        for i in 0..<count {
            let label = Int(labels[i])
            sizes[label] += 1
            for d in 0..<dimensions { sums[label &* dimensions &+ d] += base[d &* stride &+ i] }
        }
    }

    /// Whether the points have so many dimensions that they are better read once for several centres.
    var isWide: Bool { dimensions >= 16 }
}
