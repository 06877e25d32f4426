/// Seeds of k-means: greedy k-means++ (Arthur and Vassilvitskii 2007), one choice after the other in the same memory.
///
/// Each seed after the first is a point that is drawn with probability proportional to its squared distance from the nearest one: of 2 + log k that
/// are drawn, the one that lowers the sum of these distances most.
final class KMeansSeeding {
    private let points: PointSet
    private let clusters: Int
    private let pairs: PairDistances?
    /// Of all points to the nearest seed.
    private var current: Buffer<Double>
    /// The same with the best of the points that were drawn, and with the next of them.
    private var best: Buffer<Double>
    private var next: Buffer<Double>
    private let sums: Buffer<Double>
    /// Four of each, where points have so many dimensions that they are better read once for four: distances, coordinates.
    private let four: (distances: Buffer<Double>, coordinates: Buffer<Double>)?
    private let drawnCount: Int

    /// The points that were chosen last.
    private(set) var seeds: [Int] = []

    init(_ points: PointSet, clusters: Int, pairs: PairDistances?) {
        self.points = points
        self.clusters = clusters
        self.pairs = pairs
        current = Buffer(uninitialized: points.stride)
        best = Buffer(uninitialized: points.stride)
        next = Buffer(uninitialized: points.stride)
        sums = Buffer(uninitialized: points.stride)
        four =
            points.isWide && pairs == nil
            ? (Buffer(uninitialized: 4 * points.stride), Buffer(uninitialized: 4 * points.dimensions)) : nil
        // The logarithm by counting: exact enough for a number of candidates and the same everywhere.
        var (power, exponent) = (1.0, 0)
        while power * 2.718281828459045 <= Double(clusters) {
            power *= 2.718281828459045
            exponent += 1
        }
        drawnCount = 2 + exponent
    }

    func choose(_ generator: inout SeededGenerator) {
        seeds.removeAll(keepingCapacity: true)
        seeds.append(generator.integer(below: points.count))
        for i in 0..<points.stride { best.base[i] = i < points.count ? .infinity : 0 }
        var total = lower(best, to: seeds[0], into: current)
        while seeds.count < clusters {
            guard total > 0 else {
                // Every point coincides with a centre already.
                seeds.append(generator.integer(below: points.count))
                continue
            }
            let sums = DistanceSums(current.base, points.stride, room: sums.base)
            let chosen =
                four == nil
                ? chooseOneByOne { sums.point(beyond: generator.uniform() * total) }
                : chooseByFours((0..<drawnCount).map { _ in sums.point(beyond: generator.uniform() * total) })
            seeds.append(chosen.point)
            total = chosen.total
            swap(&current, &best)
        }
    }

    /// The best of the points that are drawn, whose distances are then in `best`; the first of equals.
    private func chooseOneByOne(_ draw: () -> Int) -> (point: Int, total: Double) {
        var found: (point: Int, total: Double)?
        for _ in 0..<drawnCount {
            let point = draw()
            let total = lower(current, to: point, into: next)
            guard found == nil || total < found!.total else { continue }
            found = (point, total)
            swap(&best, &next)
        }
        return found!
    }

    private func lower(_ previous: Buffer<Double>, to point: Int, into target: Buffer<Double>) -> Double {
        if let pairs { return KernelSet.current.minimumOfDistances(pairs.row(point), points.stride, previous.base, target.base) }
        return KernelSet.current.minimumDistances(points.base, points.stride, points.dimensions, point, previous.base, target.base)
    }

    private func chooseByFours(_ drawn: [Int]) -> (point: Int, total: Double) {
        let (distances, coordinates) = (four!.distances.base, four!.coordinates.base)
        let (dimensions, stride) = (points.dimensions, points.stride)
        var found: (point: Int, total: Double)?
        for first in Swift.stride(from: 0, to: drawn.count, by: 4) {
            for own in 0..<4 {
                // The last point is repeated where fewer than four are left.
                let point = drawn[min(first + own, drawn.count - 1)]
                for d in 0..<dimensions { coordinates[own * dimensions + d] = points.base[d * stride + point] }
            }
            var totals = [0.0, 0.0, 0.0, 0.0]
            KernelSet.current.minimumDistancesToFour(points.base, stride, stride, dimensions, coordinates, current.base, distances, &totals)
            for own in 0..<min(4, drawn.count - first) where found == nil || totals[own] < found!.total {
                found = (drawn[first + own], totals[own])
                best.base.update(from: distances + own * stride, count: stride)
            }
        }
        return found!
    }
}

/// Running sums of distances, from which points are drawn.
struct DistanceSums {
    private let distances: UnsafePointer<Double>
    private let sums: UnsafeMutablePointer<Double>
    private let count: Int

    /// - Parameter room: for `count` numbers.
    init(_ distances: UnsafePointer<Double>, _ count: Int, room: UnsafeMutablePointer<Double>) {
        self.distances = distances
        self.count = count
        sums = room
        var sum = 0.0
        for i in 0..<count {
            sum += distances[i]
            room[i] = sum
        }
    }

    /// The first point up to which the distances sum to more than `target`; the last that has one where rounding leaves none.
    func point(beyond target: Double) -> Int {
        // The sums of numbers that are not negative never fall.
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low < count ? low : Self.last(distances, count)
    }

    private static func last(_ distances: UnsafePointer<Double>, _ count: Int) -> Int {
        for i in stride(from: count - 1, through: 0, by: -1) where distances[i] > 0 { return i }
        return 0
    }

    /// The same without room for the sums.
    static func point(_ distances: UnsafePointer<Double>, _ count: Int, beyond target: Double) -> Int {
        var sum = 0.0
        for point in 0..<count {
            sum += distances[point]
            if sum > target { return point }
        }
        return last(distances, count)
    }
}
