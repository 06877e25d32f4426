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
        let pairs = try PairDistances(points, clusters: clusters, runs: count, threads: threads)
        // Each thread has one piece, whose runs share their memory.
        let pieces = min(max(threads, 1), count)
        let found = try Parallel.map(count: pieces, threads: threads) { piece in
            let run = KMeansRun(points, clusters: clusters, pairs: pairs)
            var (best, longest): (KMeansRun.Result?, Int) = (nil, 0)
            for index in piece * count / pieces..<(piece + 1) * count / pieces {
                var generator = SeededGenerator(seed: streams[index])
                run.run(&generator)
                longest = max(longest, run.rounds)
                if best == nil || run.inertia < best!.inertia { best = run.result }
            }
            return (best: best!, longest: longest)
        }
        // The first of the best, since pieces are in order.
        var best = found[0].best
        for piece in found where piece.best.inertia < best.inertia { best = piece.best }
        var longest = found.reduce(0) { max($0, $1.longest) }
        let swaps = clusters > 4 ? min(10 * clusters, Self.swapPasses / pass) : 0
        if swaps > 0, best.inertia > 0 {
            let run = KMeansRun(points, clusters: clusters)
            for _ in 0..<swaps where best.inertia > 0 {
                run.run(movingCenterOf: best, &seeds)
                longest = max(longest, run.rounds)
                if run.inertia < best.inertia { best = run.result }
            }
        }
        labels = best.labels
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
}
