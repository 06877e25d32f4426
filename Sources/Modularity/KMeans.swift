import Tensors

/// The best of several runs of k-means (Lloyd's algorithm from k-means++ seeds).
///
/// Seeding is greedy k-means++ (Arthur and Vassilvitskii 2007, with 2 + log k candidates a step of which the one that lowers the
/// objective most is kept); a run ends when no label changes; a cluster left without points takes the point farthest from
/// its centre. Points that coincide cannot be told apart: with fewer distinct points than clusters, some clusters stay empty.
public struct KMeans: Sendable {
    /// One label for each point.
    public let labels: [Int]
    /// The sum of squared distances to the clusters' centres.
    public let inertia: Double

    /// Lloyd's algorithm always ends; this only bounds what rounding could do to that.
    private static let mostIterations = 1000

    /// - Parameters:
    ///   - clusterCount: at least 1.
    ///   - restarts: how many runs, of which the first with the smallest inertia wins.
    public init(
        _ points: PointSet, clusterCount: Int, restarts: Int, generator: SeededGenerator, threads: Int
    ) throws {
        precondition(clusterCount > 0 && restarts > 0, "\(clusterCount) clusters, \(restarts) restarts")
        let clusters = min(clusterCount, max(points.count, 1))
        guard clusters > 1, points.dimensions > 0 else {
            labels = [Int](repeating: 0, count: points.count)
            inertia = points.dimensions > 0 ? Self.spread(points) : 0
            return
        }
        var seeds = generator
        let streams = (0..<restarts).map { _ in seeds.next() }
        let runs = try Parallel.map(count: restarts, threads: threads) { run in
            Self.run(points, clusters, SeededGenerator(seed: streams[run]))
        }
        let best = runs.enumerated().min { ($0.element.inertia, $0.offset) < ($1.element.inertia, $1.offset) }!.element
        labels = best.labels
        inertia = best.inertia
    }

    /// The inertia of all points as one cluster.
    private static func spread(_ points: PointSet) -> Double {
        guard points.count > 0 else { return 0 }
        var assignment = PointSet.Assignment(points)
        _ = points.assign(to: points[0], clusters: 1, &assignment)
        let (sums, sizes) = points.clusterSums(assignment, clusters: 1)
        _ = points.assign(to: sums.map { $0 / Double(sizes[0]) }, clusters: 1, &assignment)
        return (0..<points.count).reduce(0) { $0 + assignment.distance($1) }
    }

    private static func run(_ points: PointSet, _ clusters: Int, _ generator: SeededGenerator) -> (labels: [Int], inertia: Double) {
        var generator = generator
        var centers = seedCenters(points, clusters, &generator)
        var assignment = PointSet.Assignment(points)
        for _ in 0..<mostIterations {
            guard points.assign(to: centers, clusters: clusters, &assignment) else { break }
            var (sums, sizes) = points.clusterSums(assignment, clusters: clusters)
            if sizes.contains(0), refill(&sizes, points, &assignment) {
                (sums, sizes) = points.clusterSums(assignment, clusters: clusters)
            }
            for cluster in 0..<clusters where sizes[cluster] > 0 {
                for d in 0..<points.dimensions {
                    centers[cluster * points.dimensions + d] = sums[cluster * points.dimensions + d] / Double(sizes[cluster])
                }
            }
        }
        let inertia = (0..<points.count).reduce(0) { $0 + assignment.distance($1) }
        return ((0..<points.count).map { assignment.label($0) }, inertia)
    }

    /// Gives every empty cluster the point that is farthest from its own centre, if any is away from it.
    private static func refill(_ sizes: inout [Int], _ points: PointSet, _ assignment: inout PointSet.Assignment) -> Bool {
        var refilled = false
        for cluster in sizes.indices where sizes[cluster] == 0 {
            var farthest = -1
            for point in 0..<points.count where sizes[assignment.label(point)] > 1 {
                if farthest < 0 || assignment.distance(point) > assignment.distance(farthest) { farthest = point }
            }
            guard farthest >= 0, assignment.distance(farthest) > 0 else { break }
            sizes[assignment.label(farthest)] -= 1
            assignment.move(farthest, to: cluster)
            sizes[cluster] = 1
            refilled = true
        }
        return refilled
    }

    private static func seedCenters(_ points: PointSet, _ clusters: Int, _ generator: inout SeededGenerator) -> [Double] {
        var chosen = [generator.integer(below: points.count)]
        var distances = points.distances(to: chosen[0])
        let candidates = 2 + Int(logarithmOfCount(clusters))
        while chosen.count < clusters {
            guard distances.total > 0 else {
                // Every point coincides with a centre already.
                chosen.append(generator.integer(below: points.count))
                continue
            }
            var best: (point: Int, distances: PointSet.Distances)?
            for _ in 0..<candidates {
                let point = draw(distances, points.count, &generator)
                let next = points.distances(to: point, before: distances)
                if best == nil || next.total < best!.distances.total { best = (point, next) }
            }
            chosen.append(best!.point)
            distances = best!.distances
        }
        return chosen.flatMap { points[$0] }
    }

    /// A point with probability proportional to its squared distance.
    private static func draw(_ distances: PointSet.Distances, _ count: Int, _ generator: inout SeededGenerator) -> Int {
        let target = generator.uniform() * distances.total
        var sum = 0.0
        var last = 0
        for point in 0..<count where distances[point] > 0 {
            sum += distances[point]
            last = point
            if sum > target { return point }
        }
        return last
    }

    /// The natural logarithm, by counting: exact enough for a number of candidates and the same everywhere.
    private static func logarithmOfCount(_ count: Int) -> Double {
        var power = 1.0
        var exponent = 0.0
        while power * 2.718281828459045 <= Double(count) {
            power *= 2.718281828459045
            exponent += 1
        }
        return exponent
    }
}
