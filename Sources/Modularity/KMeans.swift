import Tensors

/// The best of several runs of k-means (Lloyd's algorithm from k-means++ seeds), refined by swaps.
///
/// The best run goes on from where it ended: one centre at a time is put onto another point, Lloyd's algorithm runs again, and
/// what lowers the objective is kept (Fränti 2018, "Efficiency of random swap clustering"). With few points the restarts alone end
/// several hundredths above the least objective as often as not. The work for it is bounded, and nothing beside the restarts where
/// points are many. Seeding is greedy k-means++ (Arthur and Vassilvitskii 2007, with 2 + log k candidates a step of which the one that lowers the
/// objective most is kept); a run ends when no label changes; a cluster left without points takes the point farthest from
/// its centre. Points that coincide cannot be told apart: with fewer distinct points than clusters, some clusters stay empty.
public struct KMeans: Sendable {
    /// One label for each point.
    public let labels: [Int]
    /// The sum of squared distances to the clusters' centres.
    public let inertia: Double

    /// Lloyd's algorithm always ends; this only bounds what rounding could do to that.
    private static let mostIterations = 1000
    /// The most work that swaps take, counted as coordinates compared with centres.
    private static let swapWork = 1 << 20
    /// The most swaps that are tried for each pair of clusters.
    private static let swapsPerPair = 3

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
        let exchange = PointExchange(points, clusters: clusters)
        var seeds = generator
        let streams = (0..<restarts).map { _ in seeds.next() }
        let runs = try Parallel.map(count: restarts, threads: threads) { run in
            Self.run(points, exchange, clusters, SeededGenerator(seed: streams[run]))
        }
        var best = runs.enumerated().min { ($0.element.inertia, $0.offset) < ($1.element.inertia, $1.offset) }!.element
        var generator = SeededGenerator(seed: seeds.next())
        Self.refine(&best, points, exchange, clusters, &generator)
        labels = (0..<points.count).map { best.assignment.label($0) }
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

    /// Where a run of Lloyd's algorithm ended.
    private struct Solution {
        var assignment: PointSet.Assignment
        let inertia: Double
        /// [clusters, dimensions].
        let centers: [Double]
        /// How often all points were assigned.
        let passes: Int
    }

    private static func run(
        _ points: PointSet, _ exchange: PointExchange?, _ clusters: Int, _ generator: SeededGenerator
    ) -> Solution {
        var generator = generator
        let centers = seedCenters(points, clusters, &generator)
        return descend(points, exchange, clusters, centers, from: PointSet.Assignment(points))
    }

    /// Lloyd's algorithm from `centers` on, then exchanges of single points where those are few.
    private static func descend(
        _ points: PointSet, _ exchange: PointExchange?, _ clusters: Int, _ centers: [Double], from start: PointSet.Assignment
    ) -> Solution {
        var centers = centers
        var assignment = start
        var sizes = [Int](repeating: 0, count: clusters)
        var passes = 0
        while passes < mostIterations {
            passes += 1
            guard points.assign(to: centers, clusters: clusters, &assignment) else { break }
            var sums: [Double]
            (sums, sizes) = points.clusterSums(assignment, clusters: clusters)
            if sizes.contains(0), refill(&sizes, points, &assignment) {
                (sums, sizes) = points.clusterSums(assignment, clusters: clusters)
            }
            moveCenters(&centers, sums, sizes, points.dimensions)
        }
        if let exchange {
            if sizes.allSatisfy({ $0 == 0 }) { sizes = points.clusterSums(assignment, clusters: clusters).sizes }
            if exchange.improve(&assignment, centers: &centers, sizes: &sizes) {
                moveCenters(&centers, points.clusterSums(assignment, clusters: clusters).sums, sizes, points.dimensions)
                _ = points.assign(to: centers, clusters: clusters, &assignment)
            }
        }
        let inertia = (0..<points.count).reduce(0) { $0 + assignment.distance($1) }
        return Solution(assignment: assignment, inertia: inertia, centers: centers, passes: passes)
    }

    private static func moveCenters(_ centers: inout [Double], _ sums: [Double], _ sizes: [Int], _ dimensions: Int) {
        for cluster in sizes.indices where sizes[cluster] > 0 {
            for d in 0..<dimensions { centers[cluster * dimensions + d] = sums[cluster * dimensions + d] / Double(sizes[cluster]) }
        }
    }

    /// Tries swaps until the work is used up.
    private static func refine(
        _ best: inout Solution, _ points: PointSet, _ exchange: PointExchange?, _ clusters: Int, _ generator: inout SeededGenerator
    ) {
        let (pass, overflow) = (points.count * points.dimensions).multipliedReportingOverflow(by: clusters)
        guard !overflow, best.inertia > 0, points.count > clusters else { return }
        var passes = swapWork / max(pass, 1)
        var swaps = min(clusters * clusters * swapsPerPair, passes)
        while swaps > 0, passes > 0 {
            swaps -= 1
            let moved = generator.integer(below: clusters)
            // Far points alone would be outliers again and again.
            let point =
                swaps.isMultiple(of: 2)
                ? generator.integer(below: points.count) : draw(best.assignment, best.inertia, points.count, &generator)
            var centers = best.centers
            centers.replaceSubrange(moved * points.dimensions..<(moved + 1) * points.dimensions, with: points[point])
            let next = descend(points, exchange, clusters, centers, from: best.assignment)
            passes -= next.passes
            if next.inertia < best.inertia { best = next }
        }
    }

    /// A point with probability proportional to its squared distance from its centre.
    private static func draw(
        _ assignment: PointSet.Assignment, _ total: Double, _ count: Int, _ generator: inout SeededGenerator
    ) -> Int {
        let target = generator.uniform() * total
        var sum = 0.0
        for point in 0..<count {
            sum += assignment.distance(point)
            if sum > target { return point }
        }
        return count - 1
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
