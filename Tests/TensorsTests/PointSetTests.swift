import Testing

@testable import Tensors

/// The steps of k-means in few and in many dimensions, against the definition.
struct PointSetTests {
    private func points(_ count: Int, _ dimensions: Int) -> (set: PointSet, rows: [[Double]]) {
        var generator = SeededGenerator(seed: 5)
        let coordinates = (0..<dimensions).map { _ in (0..<count).map { _ in generator.normal() } }
        return (PointSet(coordinates: coordinates, count: count), (0..<count).map { i in coordinates.map { $0[i] } })
    }

    private func squaredDistance(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }

    @Test(arguments: [(3, 5), (19, 9), (40, 3)])
    func every_point_gets_the_nearest_center(dimensions: Int, clusters: Int) {
        let (set, rows) = points(37, dimensions)
        // The last centre repeats the first: the lower index wins.
        let centers = rows.prefix(clusters - 1) + [rows[0]]
        var assignment = PointSet.Assignment(set)
        #expect(set.assign(to: centers.flatMap { $0 }, clusters: clusters, &assignment))
        for (point, row) in rows.enumerated() {
            let distances = centers.map { squaredDistance($0, row) }
            #expect(assignment.label(point) == distances.firstIndex(of: distances.min()!))
            #expect(abs(assignment.distance(point) - distances.min()!) < 1e-12)
        }
        #expect(!set.assign(to: centers.flatMap { $0 }, clusters: clusters, &assignment))
    }
}
