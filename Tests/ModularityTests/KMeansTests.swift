import Tensors
import Testing

@testable import Modularity

@Suite struct KMeansTests {
    private func points(_ coordinates: [[Double]]) -> PointSet {
        PointSet(coordinates: coordinates, count: coordinates.first?.count ?? 0)
    }

    private func cluster(_ points: PointSet, _ clusters: Int, threads: Int = 1) throws -> KMeans {
        try KMeans(points, clusterCount: clusters, restarts: 10, generator: SeededGenerator(seed: 3), threads: threads)
    }

    /// On a line the best clusters are runs of neighbours, so that all of them can be tried.
    @Test func comes_within_a_hundredth_of_the_optimum_on_a_line() throws {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20 {
            let values = (0..<15).map { _ in generator.uniform() }
            let result = try cluster(points([values]), 3)
            let sorted = values.sorted()
            var best = Double.infinity
            for a in 1..<14 {
                for b in a + 1..<15 {
                    best = min(best, [sorted[..<a], sorted[a..<b], sorted[b...]].map(spread).reduce(0, +))
                }
            }
            #expect(result.inertia <= best * 1.01)
        }
    }

    /// Sums over the best runs of neighbours give the optimum for any number of clusters (Fisher 1958).
    @Test(arguments: [(24, 10), (40, 9), (60, 6)])
    func comes_within_a_hundredth_where_restarts_alone_do_not(_ count: Int, _ clusters: Int) throws {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<8 {
            let values = (0..<count).map { _ in generator.normal() }
            let sorted = values.sorted()
            let spreads = (0...count).map { start in (start...count).map { spread(sorted[start..<$0]) } }
            var best = spreads[0]
            for _ in 1..<clusters {
                best = (0...count).map { end in (0...end).map { best[$0] + spreads[$0][end - $0] }.min() ?? 0 }
            }
            let ratio = try cluster(points([values]), clusters).inertia / best[count]
            #expect(ratio <= 1.01)
        }
    }

    private func spread(_ values: ArraySlice<Double>) -> Double {
        let mean = values.reduce(0, +) / Double(max(values.count, 1))
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }

    @Test func every_cluster_has_a_point_when_there_are_enough_distinct_ones() throws {
        // Nine points at the origin, three elsewhere: seeds fall together easily.
        let x = [Double](repeating: 0, count: 9) + [1, 2, 3]
        let result = try cluster(points([x]), 4)
        #expect(Set(result.labels).count == 4)
        #expect(result.inertia == 0)
    }

    @Test func coinciding_points_share_one_cluster() throws {
        let result = try cluster(points([[2, 2, 2, 2], [1, 1, 1, 1]]), 3)
        #expect(Set(result.labels).count == 1)
        #expect(result.inertia == 0)
    }

    @Test func more_clusters_than_points_gives_each_its_own() throws {
        #expect(Set(try cluster(points([[0, 5]]), 7).labels).count == 2)
        #expect(try cluster(points([[0]]), 7).labels == [0])
        #expect(try cluster(points([]), 3).labels.isEmpty)
    }

    @Test func threads_change_nothing() throws {
        var generator = SeededGenerator(seed: 4)
        let coordinates = (0..<3).map { _ in (0..<500).map { _ in generator.normal() } }
        let one = try cluster(points(coordinates), 5)
        let two = try cluster(points(coordinates), 5, threads: 2)
        #expect(one.labels == two.labels && one.inertia == two.inertia)
    }

    /// Labels that are best for their centres, and centres that are the means: a fixed point of Lloyd's algorithm.
    @Test func the_result_is_a_fixed_point() throws {
        var generator = SeededGenerator(seed: 5)
        let coordinates = (0..<2).map { _ in (0..<203).map { _ in generator.normal() } }
        for clusters in [2, 5, 9, 12] {
            let result = try cluster(points(coordinates), clusters)
            let centers = (0..<clusters).map { c in
                let members = (0..<203).filter { result.labels[$0] == c }
                return coordinates.map { x in members.reduce(0) { $0 + x[$1] } / Double(members.count) }
            }
            var inertia = 0.0
            for point in 0..<203 {
                let distances = centers.map { center in
                    (0..<2).reduce(0.0) { $0 + (coordinates[$1][point] - center[$1]) * (coordinates[$1][point] - center[$1]) }
                }
                #expect(distances[result.labels[point]] <= distances.min()! + 1e-12)
                inertia += distances[result.labels[point]]
            }
            #expect(abs(inertia - result.inertia) < 1e-9)
        }
    }

    /// On so few points Lloyd's algorithm ends after a few rounds, whether or not they fill the lanes of a vector.
    @Test(arguments: 17...40) func a_run_ends_when_no_label_changes(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let coordinates = (0..<3).map { _ in (0..<count).map { _ in generator.normal() } }
        for clusters in [2, 5, 11] {
            #expect(try cluster(points(coordinates), clusters).longestRun <= count)
        }
    }

    @Test(arguments: 1...17) func the_same_centres_again_change_nothing(count: Int) {
        let set = points([(0..<count).map { Double($0 % 3) }, (0..<count).map { Double($0) }])
        var assignment = PointSet.Assignment(set)
        let centers = [0.0, 1, 2, 9, 1, 14]
        #expect(set.assign(to: centers, clusters: 3, &assignment))
        #expect(!set.assign(to: centers, clusters: 3, &assignment))
        // Moving one point is a change, even the last one, which is just before the padding.
        assignment.move(count - 1, to: (assignment.label(count - 1) + 1) % 3)
        #expect(set.assign(to: centers, clusters: 3, &assignment))
        let sizes = set.clusterSums(assignment, clusters: 3).sizes
        #expect(sizes.reduce(0, +) == count)
    }
}
