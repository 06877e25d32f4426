// The steps of k-means with the distances between all points. Points are stored as in NearestCenters.swift; every number has the bits that its
// functions give.

@inline(__always)
private func load(_ source: UnsafePointer<Double>) -> SIMD8<Double> { UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Double>.self) }

@inline(__always)
private func store(_ lanes: SIMD8<Double>, _ target: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: SIMD8<Double>.self)
}

/// The squared distances between eight points and all points from the first of the eight on, written to both places of a symmetric table.
///
/// - Parameters:
///   - points: [dimensions, stride].
///   - rows: the same points one after the other, [count, dimensions].
///   - first: the first of the eight, a multiple of 8.
///   - room: for 8 * dimensions.
///   - table: [count, stride]; what belongs to no point becomes 0.
package func pairDistances(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ rows: UnsafePointer<Double>, _ first: Int,
    _ room: UnsafeMutablePointer<Double>, _ table: UnsafeMutablePointer<Double>
) {
    for d in 0..<dimensions { (room + 8 &* d).update(from: points + (d &* stride &+ first), count: 8) }
    let own = min(8, count &- first)
    let isPadding = SIMD8<Int64>(0, 1, 2, 3, 4, 5, 6, 7) .>= Int64(own)
    var other = first
    while other < count {
        // The last point is repeated where fewer than four are left.
        let (b, c, d) = (min(other &+ 1, count &- 1), min(other &+ 2, count &- 1), min(other &+ 3, count &- 1))
        let four = distancesToFour(
            UnsafePointer(room), 8, dimensions, rows + other &* dimensions, rows + b &* dimensions, rows + c &* dimensions,
            rows + d &* dimensions)
        @inline(__always)
        func put(_ distances: SIMD8<Double>, _ point: Int) {
            let distances = distances.replacing(with: 0, where: isPadding)
            store(distances, table + (point &* stride &+ first))
            for lane in 0..<own { table[(first &+ lane) &* stride &+ point] = distances[lane] }
        }
        put(four.0, other)
        put(four.1, b)
        put(four.2, c)
        put(four.3, d)
        other &+= 4
    }
    for lane in 0..<own { for place in count..<stride { table[(first &+ lane) &* stride &+ place] = 0 } }
}

/// As ``minimumDistances(_:_:_:_:_:_:)`` with distances to the point that are known.
package func minimumOfDistances(
    _ known: UnsafePointer<Double>, _ stride: Int, _ distances: UnsafePointer<Double>, _ target: UnsafeMutablePointer<Double>
) -> Double {
    var total = SIMD8<Double>.zero
    var i = 0
    while i < stride {
        var distance = load(known + i)
        let old = load(distances + i)
        distance.replace(with: old, where: old .< distance)
        store(distance, target + i)
        total += distance
        i &+= 8
    }
    return total.sum()
}

/// The smallest number of each column of a table, [rows, stride], the first row that has it, and the smallest of the other rows.
package func smallestTwo(
    _ table: UnsafePointer<Double>, _ stride: Int, _ rows: Int, _ smallest: UnsafeMutablePointer<Double>,
    _ place: UnsafeMutablePointer<Int64>,
    _ next: UnsafeMutablePointer<Double>
) {
    var i = 0
    while i < stride {
        var best = SIMD8<Double>(repeating: .infinity)
        var second = best
        var label = SIMD8<Int64>.zero
        for row in 0..<rows {
            let value = load(table + (row &* stride &+ i))
            let isSmaller = value .< best
            let larger = value.replacing(with: best, where: isSmaller)
            second.replace(with: larger, where: larger .< second)
            best.replace(with: value, where: isSmaller)
            label.replace(with: SIMD8<Int64>(repeating: Int64(row)), where: isSmaller)
        }
        store(best, smallest + i)
        store(second, next + i)
        UnsafeMutableRawPointer(place + i).storeBytes(of: label, as: SIMD8<Int64>.self)
        i &+= 8
    }
}
