import Tensors

/// The best of several runs of k-means (Lloyd's algorithm from k-means++ seeds).
///
/// Seeding is greedy k-means++ (Arthur and Vassilvitskii 2007, with 2 + log k candidates in each step, of which the one that lowers the
/// objective most is kept); a run ends when no label changes; a cluster left without points is given the point farthest from the centre
/// of its own cluster. Small problems, whose local optima differ by several per cent, are restarted up to ten times as often as
/// requested; with more than four clusters the best run is then improved by random swaps (Fränti 2018): one centre moves to another
/// point, and Lloyd's algorithm continues from there. Coinciding points are indistinguishable: with fewer distinct points than clusters,
/// some clusters stay empty.
package struct KMeans: Sendable {
    /// One label for each point.
    package let labels: [Int]
    /// The sum of squared distances to the clusters' centres.
    package let inertia: Double
    /// The rounds of Lloyd's algorithm in the longest run.
    package let longestRun: Int

    private static let mostRestartFactor = 10
    /// The coordinates compared in one pass over all points and centres up to which the restarts are multiplied.
    private static let smallPass = 1 << 15
    /// The same for all passes that begin a swap.
    private static let swapPasses = 1 << 22

    /// Lloyd's algorithm always ends; this only bounds what rounding could do to that.
    private static let mostIterations = 1000

    /// - Parameters:
    ///   - clusterCount: at least 1.
    ///   - restarts: the number of runs, of which the first with the smallest inertia is kept; up to ten times as many for small problems.
    package init(
        _ points: PointSet, clusterCount: Int, restarts: Int, generator: SeededGenerator, threads: Int
    ) throws {
        precondition(clusterCount > 0 && restarts > 0, "\(clusterCount) clusters, \(restarts) restarts")
        let clusters = min(clusterCount, max(points.count, 1))
        guard clusters > 1, points.dimensions > 0 else {
            labels = [Int](repeating: 0, count: points.count)
            inertia = points.dimensions > 0 ? Self.spread(points) : 0
            longestRun = 0
            return
        }
        let pass = points.count * clusters * points.dimensions
        let count = restarts * max(1, min(Self.mostRestartFactor, Self.smallPass / pass))
        var seeds = generator
        let streams = (0..<count).map { _ in seeds.next() }
        let runs = try Parallel.map(count: count, threads: threads) { run in
            var generator = SeededGenerator(seed: streams[run])
            return Run(points, from: Self.seedCenters(points, clusters, &generator), clusters)
        }
        var longest = runs.reduce(0) { max($0, $1.rounds) }
        var best = runs.enumerated().min { ($0.element.inertia, $0.offset) < ($1.element.inertia, $1.offset) }!.element
        let swaps = clusters > 4 ? min(10 * clusters, Self.swapPasses / pass) : 0
        for _ in 0..<swaps where best.inertia > 0 {
            let next = Run(points, from: best.swapped(points, &seeds), clusters)
            longest = max(longest, next.rounds)
            if next.inertia < best.inertia { best = next }
        }
        labels = (0..<points.count).map { best.assignment.label($0) }
        inertia = best.inertia
        longestRun = longest
    }

    /// The inertia of all points as one cluster.
    private static func spread(_ points: PointSet) -> Double {
        guard points.count > 0 else { return 0 }
        var assignment = PointSet.Assignment(points)
        _ = points.assign(to: points[0], clusters: 1, &assignment)
        let (sums, sizes) = points.clusterSums(assignment, clusters: 1)
        _ = points.assign(to: sums.map { $0 / Double(sizes[0]) }, clusters: 1, &assignment)
        return assignment.inertia
    }

    /// One run of Lloyd's algorithm to its end.
    private struct Run: Sendable {
        var centers: [Double]
        var assignment: PointSet.Assignment
        let inertia: Double
        /// The assignments made, the last of which changed nothing.
        private(set) var rounds = 0

        init(_ points: PointSet, from seeds: [Double], _ clusters: Int) {
            centers = seeds
            assignment = PointSet.Assignment(points)
            var sums = seeds
            var sizes = [Int](repeating: 0, count: clusters)
            while rounds < mostIterations {
                rounds += 1
                guard points.assign(to: centers, clusters: clusters, &assignment) else { break }
                points.sumClusters(assignment, &sums, &sizes)
                if sizes.contains(0), refill(&sizes, points, &assignment) { points.sumClusters(assignment, &sums, &sizes) }
                for cluster in 0..<clusters where sizes[cluster] > 0 {
                    let size = Double(sizes[cluster])
                    for place in cluster * points.dimensions..<(cluster + 1) * points.dimensions { centers[place] = sums[place] / size }
                }
            }
            inertia = assignment.inertia
        }

        /// The centres with one of them moved to a point, which is drawn with probability proportional to its squared distance.
        func swapped(_ points: PointSet, _ generator: inout SeededGenerator) -> [Double] {
            var centers = centers
            let cluster = generator.integer(below: centers.count / points.dimensions)
            let point = assignment.point(beyond: generator.uniform() * inertia)
            centers.replaceSubrange(cluster * points.dimensions..<(cluster + 1) * points.dimensions, with: points[point])
            return centers
        }
    }

    /// Gives every empty cluster the point that is farthest from the centre of its own cluster, unless all are at their centres.
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

    /// Each centre after the first is a point that is drawn with probability proportional to its squared distance from the nearest one.
    private static func seedCenters(_ points: PointSet, _ clusters: Int, _ generator: inout SeededGenerator) -> [Double] {
        var chosen = [generator.integer(below: points.count)]
        var distances = points.distances(to: chosen[0])
        // Each step overwrites these: a run has no time for new arrays.
        var (best, next) = (distances, distances)
        let candidates = 2 + Int(logarithmOfCount(clusters))
        while chosen.count < clusters {
            guard distances.total > 0 else {
                // Every point coincides with a centre already.
                chosen.append(generator.integer(below: points.count))
                continue
            }
            if points.isWide {
                let drawn = (0..<candidates).map { _ in distances.point(beyond: generator.uniform() * distances.total) }
                var found: (point: Int, distances: PointSet.Distances)?
                for (point, next) in zip(drawn, points.distances(to: drawn, before: distances)) {
                    guard found == nil || next.total < found!.distances.total else { continue }
                    found = (point, next)
                }
                chosen.append(found!.point)
                distances = found!.distances
                continue
            }
            var point: Int?
            for _ in 0..<candidates {
                let candidate = distances.point(beyond: generator.uniform() * distances.total)
                points.lower(distances, to: candidate, into: &next)
                guard point == nil || next.total < best.total else { continue }
                point = candidate
                swap(&best, &next)
            }
            chosen.append(point!)
            swap(&distances, &best)
        }
        return chosen.flatMap { points[$0] }
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
