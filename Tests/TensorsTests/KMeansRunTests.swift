import Testing

@testable import Tensors

/// What makes runs of k-means fast changes no bit: against Lloyd's algorithm as its steps are defined.
struct KMeansRunTests {
    /// Points of which some coincide, so that there are ties, empty clusters and refills.
    private static func points(_ count: Int, _ dimensions: Int, coinciding: Int) -> PointSet {
        var generator = SeededGenerator(seed: UInt64(count + dimensions))
        var coordinates = (0..<dimensions).map { _ in (0..<count).map { _ in generator.normal() } }
        for point in 0..<coinciding { for d in 0..<dimensions { coordinates[d][point] = coordinates[d][count - 1 - point % 2] } }
        return PointSet(coordinates: coordinates, count: count)
    }

    private static func defined(_ points: PointSet, from seeds: [Int], _ clusters: Int) -> (labels: [Int], inertia: Double, rounds: Int) {
        var centers = seeds.map { points[$0] }
        var assignment = PointSet.Assignment(points)
        var rounds = 0
        while true {
            rounds += 1
            guard points.assign(to: centers.flatMap { $0 }, clusters: clusters, &assignment) else { break }
            var sizes = points.clusterSums(assignment, clusters: clusters).sizes
            for empty in 0..<clusters where sizes[empty] == 0 {
                let movable = (0..<points.count).filter { sizes[assignment.label($0)] > 1 && assignment.distance($0) > 0 }
                guard let farthest = movable.max(by: { (assignment.distance($0), $1) < (assignment.distance($1), $0) }) else { break }
                sizes[assignment.label(farthest)] -= 1
                sizes[empty] = 1
                assignment.move(farthest, to: empty)
            }
            let sums = points.clusterSums(assignment, clusters: clusters).sums
            for cluster in 0..<clusters where sizes[cluster] > 0 {
                centers[cluster] = (0..<points.dimensions).map { sums[cluster * points.dimensions + $0] / Double(sizes[cluster]) }
            }
        }
        return ((0..<points.count).map(assignment.label), assignment.inertia, rounds)
    }

    /// Few centres whose distances are kept; too many of them; many in many dimensions, with and without the distances between all points.
    @Test(arguments: [
        (1, 37, 2, 0), (2, 128, 3, 9), (3, 128, 4, 0), (3, 61, 4, 30), (4, 100, 8, 20), (9, 77, 5, 0), (2, 90, 12, 40), (3, 1000, 9, 0),
        (19, 61, 33, 0), (19, 200, 40, 70), (40, 333, 60, 0),
    ]) func aRunIsLloydsAlgorithmBitByBit(dimensions: Int, count: Int, clusters: Int, coinciding: Int) throws {
        let points = Self.points(count, dimensions, coinciding: coinciding)
        let pairs = try PairDistances(points, clusters: clusters, runs: 100, threads: 2)
        #expect((pairs != nil) == (dimensions >= 16))
        for pairs in [nil, pairs] {
            let run = KMeansRun(points, clusters: clusters, pairs: pairs)
            var (generator, other) = (SeededGenerator(seed: 3), SeededGenerator(seed: 3))
            // The second run finds the memory of the first.
            for _ in 0..<4 {
                run.run(&generator)
                let seeding = KMeansSeeding(points, clusters: clusters, pairs: nil)
                seeding.choose(&other)
                let expected = Self.defined(points, from: seeding.seeds, clusters)
                #expect(run.result.labels == expected.labels)
                #expect(run.inertia == expected.inertia && run.rounds == expected.rounds)
            }
            #expect(generator.next() == other.next())
        }
    }

    @Test func aRunWithAMovedCentreIsLloydsAlgorithmToo() throws {
        let points = Self.points(90, 3, coinciding: 0)
        let run = KMeansRun(points, clusters: 6)
        var generator = SeededGenerator(seed: 8)
        run.run(&generator)
        run.run(movingCenterOf: run.result, &generator)
        // It ends at a fixed point: the same centres again change nothing, and no point is nearer to another.
        let sums = (0..<6).map { cluster in (0..<90).filter { run.result.labels[$0] == cluster } }
        let centers = sums.map { members in (0..<3).map { d in members.reduce(0) { $0 + points[$1][d] } / Double(members.count) } }
        var inertia = 0.0
        for point in 0..<90 {
            let distances = centers.map { center in
                (0..<3).reduce(0.0) { $0 + (points[point][$1] - center[$1]) * (points[point][$1] - center[$1]) }
            }
            #expect(distances[run.result.labels[point]] <= distances.min()! + 1e-12)
            inertia += distances[run.result.labels[point]]
        }
        #expect(abs(inertia - run.inertia) < 1e-9)
    }

    @Test(arguments: [(3, 37), (19, 37), (19, 300)]) func distancesBetweenAllPointsAreThoseOfTheSeeds(dimensions: Int, count: Int) throws {
        let points = Self.points(count, dimensions, coinciding: 3)
        let pairs = try PairDistances(points, clusters: 20, runs: 100, threads: 1)
        #expect((pairs == nil) == (dimensions < 16))
        guard let pairs else { return }
        for point in stride(from: 0, to: count, by: 7) {
            var assignment = PointSet.Assignment(points)
            _ = points.assign(to: points[point], clusters: 1, &assignment)
            #expect((0..<count).allSatisfy { pairs.row(point)[$0] == assignment.distance($0) })
            #expect((count..<points.stride).allSatisfy { pairs.row(point)[$0] == 0 })
            // The mean of points, to which the distances are filtered.
            let members = [point, (point + 11) % count, (point + 5) % count, (point + 1) % count]
            let mean = (0..<dimensions).map { d in members.reduce(0) { $0 + points[$1][d] } / 4 }
            let found = Buffer<Double>(uninitialized: points.stride)
            pairs.fill(found.base, meanOf: members)
            _ = points.assign(to: mean, clusters: 1, &assignment)
            #expect((0..<count).allSatisfy { abs(found.base[$0] - assignment.distance($0)) < pairs.margin })
        }
    }

    /// The first point up to which the distances sum to more than a number.
    @Test func pointsAreDrawnByRunningSums() {
        let distances = [0.0, 2, 0, 3, 0, 0, 1, 0]
        let room = Buffer<Double>(uninitialized: 8)
        distances.withUnsafeBufferPointer { distances in
            let sums = DistanceSums(distances.baseAddress!, 8, room: room.base)
            for (target, point) in [(0.0, 1), (1.9, 1), (2, 3), (4.9, 3), (5, 6), (5.5, 6), (6, 6), (7, 6)] {
                #expect(sums.point(beyond: target) == point)
                #expect(DistanceSums.point(distances.baseAddress!, 8, beyond: target) == point)
            }
        }
    }
}
