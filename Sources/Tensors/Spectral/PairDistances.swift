/// The squared distances between all points of a set, for k-means with many centres in many dimensions.
///
/// A seed is a point, so that its distances are a row of the table. A cluster's centre is the mean c of points p_j, and the distance of a point x
/// to it follows from those to its points, |x - c|^2 = (1/m) sum_j |x - p_j|^2 - (1/2m^2) sum_jl |p_j - p_l|^2, but for rounding: a filter that
/// costs additions alone, after which only centres that could be the nearest are compared as the definition says.
package final class PairDistances: Sendable {
    let points: PointSet
    /// [count, stride].
    private let table: SharedBuffer<Double>
    /// The points one after the other, [count, dimensions].
    private let rows: SharedBuffer<Double>
    /// More than the filter's error and that of the compared distances together.
    let margin: Double

    /// The points whose table has at most 64 MiB.
    private static let mostPoints = 2896

    /// - Parameters:
    ///   - clusters: how many centres a run has.
    ///   - runs: how many runs there will be.
    /// - Returns: nil where the table is too large, or would cost more than it saves.
    package init?(_ points: PointSet, clusters: Int, runs: Int, threads: Int) throws {
        guard points.isWide, points.count <= Self.mostPoints, clusters * runs * 16 >= points.count else { return nil }
        let (count, dimensions, stride) = (points.count, points.dimensions, points.stride)
        let rows = SharedBuffer(Buffer<Double>(uninitialized: count * dimensions))
        var largest = 0.0
        for point in 0..<count {
            var norm = 0.0
            for d in 0..<dimensions {
                let x = points.base[d * stride + point]
                rows.buffer.base[point * dimensions + d] = x
                norm += x * x
            }
            // Not max: that loses NaN.
            if !(norm <= largest) { largest = norm }
        }
        // Each distance is at most 4 * largest and a sum of `dimensions` terms; means of up to `count` of them lose as many roundings more.
        margin = 64 * Double(dimensions + count + 8) * Double.ulpOfOne * largest + 1e-300
        guard largest < 1e300 else { return nil }
        let table = SharedBuffer(Buffer<Double>(uninitialized: count * stride))
        try Parallel.forEach(count: stride / 8, threads: threads) { tile in
            let room = Buffer<Double>(uninitialized: 8 * dimensions)
            KernelSet.current.pairDistances(
                points.base, stride, count, dimensions, rows.buffer.base, tile * 8, room.base, table.buffer.base)
        }
        self.points = points
        self.rows = rows
        self.table = table
    }

    /// The squared distances of all points to one of them, bit by bit those of ``PointSet/distances(to:)``: [stride].
    func row(_ point: Int) -> UnsafePointer<Double> { UnsafePointer(table.buffer.base + point * points.stride) }

    /// The coordinates of a point.
    func coordinates(_ point: Int) -> UnsafePointer<Double> { UnsafePointer(rows.buffer.base + point * points.dimensions) }

    /// The squared distances of all points to the mean of some, within ``margin``: [stride].
    func fill(_ target: UnsafeMutablePointer<Double>, meanOf members: [Int]) {
        let stride = points.stride
        target.update(from: row(members[0]), count: stride)
        guard members.count > 1 else { return }
        for member in members.dropFirst() {
            let row = row(member)
            for i in 0..<stride { target[i] += row[i] }
        }
        let size = Double(members.count)
        let spread = members.reduce(0) { $0 + target[$1] } / (2 * size * size)
        for i in 0..<stride { target[i] = target[i] / size - spread }
    }

    /// The squared distance of a point to a centre, as ``PointSet/assign(to:clusters:_:)`` computes it.
    func distance(_ point: Int, _ center: UnsafePointer<Double>) -> Double {
        let x = coordinates(point)
        var distance = 0.0
        for d in 0..<points.dimensions {
            let difference = x[d] - center[d]
            distance += difference * difference
        }
        return distance
    }
}
