// Whole runs of k-means on points and centres that fit into the fastest cache, and the steps of those that know all distances between points.
// Points are stored as in NearestCenters.swift; every number has the bits that its functions give.

/// Rounds of Lloyd's algorithm, each as ``assignNearest(_:_:_:_:_:_:_:_:)`` and then ``sumByCluster(_:_:_:_:_:_:_:_:)`` make it.
///
/// The distances to all centres are kept. A round computes only those to centres that have moved, and sums only clusters that a point has entered
/// or left: the others would come out the same.
///
/// - Parameters:
///   - clusters: up to 32; more than 8 are summed point by point.
///   - centers: [clusters, dimensions], replaced by the last that were computed.
///   - sums: [clusters, dimensions].
///   - table: room for [clusters, stride].
///   - rounds: increased by those that were made; none follows when it has reached `mostRounds`.
/// - Returns: whether it stopped because a cluster is empty, with the sums and sizes but before any centre was moved.
package func settleClusters(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ clusters: Int,
    _ centers: UnsafeMutablePointer<Double>, _ labels: UnsafeMutablePointer<Int64>, _ distances: UnsafeMutablePointer<Double>,
    _ sums: UnsafeMutablePointer<Double>, _ sizes: UnsafeMutablePointer<Int>, _ table: UnsafeMutablePointer<Double>,
    _ rounds: UnsafeMutablePointer<Int>, _ mostRounds: Int
) -> Bool {
    let all = (1 &<< Int64(clusters)) &- 1
    // The clusters whose centres have moved, as bits.
    var moved = all
    while rounds.pointee < mostRounds {
        rounds.pointee &+= 1
        let isFirst = moved == all
        for cluster in 0..<clusters where moved &>> Int64(cluster) & 1 == 1 {
            let center = UnsafePointer(centers + cluster &* dimensions)
            let row = table + cluster &* stride
            switch dimensions {
            case 1: distancesToCenter(points, stride, count, 1, center, row)
            case 2: distancesToCenter(points, stride, count, 2, center, row)
            case 3: distancesToCenter(points, stride, count, 3, center, row)
            case 4: distancesToCenter(points, stride, count, 4, center, row)
            default: distancesToCenter(points, stride, count, dimensions, center, row)
            }
        }
        let touched: Int64 =
            switch clusters {
            case 2: assignByTable(table, stride, count, 2, labels, distances)
            case 3: assignByTable(table, stride, count, 3, labels, distances)
            case 4: assignByTable(table, stride, count, 4, labels, distances)
            default: assignByTable(table, stride, count, clusters, labels, distances)
            }
        guard touched != 0 else { return false }
        moved = isFirst ? all : touched & all
        if clusters > 8 {
            scatter(points, stride, count, dimensions, labels, clusters, sums, sizes)
        } else {
            for cluster in 0..<clusters where moved &>> Int64(cluster) & 1 == 1 {
                let sum = sums + cluster &* dimensions
                sizes[cluster] =
                    switch dimensions {
                    case 1: sumOfCluster(points, stride, 1, labels, cluster, sum)
                    case 2: sumOfCluster(points, stride, 2, labels, cluster, sum)
                    case 3: sumOfCluster(points, stride, 3, labels, cluster, sum)
                    default: sumOfCluster(points, stride, dimensions, labels, cluster, sum)
                    }
            }
        }
        for cluster in 0..<clusters where sizes[cluster] == 0 { return true }
        for cluster in 0..<clusters where moved &>> Int64(cluster) & 1 == 1 {
            let size = Double(sizes[cluster])
            for place in cluster &* dimensions..<(cluster &+ 1) &* dimensions { centers[place] = sums[place] / size }
        }
    }
    return false
}

@inline(__always)
private func load(_ source: UnsafePointer<Double>) -> SIMD8<Double> { UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Double>.self) }

@inline(__always)
private func store(_ lanes: SIMD8<Double>, _ target: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: SIMD8<Double>.self)
}

@inline(__always)
private func distancesToCenter(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ center: UnsafePointer<Double>,
    _ target: UnsafeMutablePointer<Double>
) {
    var i = 0
    while i < count {
        var distance = SIMD8<Double>.zero
        for d in 0..<dimensions {
            let difference = load(points + (d &* stride &+ i)) - center[d]
            distance += difference * difference
        }
        store(distance, target + i)
        i &+= 8
    }
}

/// The nearest centre of each point, the lower index on ties, from the distances to all of them, [clusters, stride].
///
/// - Returns: the clusters that a point has entered or left, as bits; bit 63 for points that were in none.
@inline(__always)
private func assignByTable(
    _ table: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ clusters: Int, _ labels: UnsafeMutablePointer<Int64>,
    _ distances: UnsafeMutablePointer<Double>
) -> Int64 {
    var touched = SIMD8<Int64>.zero
    let one = SIMD8<Int64>(repeating: 1)
    var i = 0
    while i < count {
        var best = SIMD8<Double>(repeating: .infinity)
        var label = SIMD8<Int64>.zero
        for cluster in 0..<clusters {
            let distance = load(table + (cluster &* stride &+ i))
            let nearer = distance .< best
            best.replace(with: distance, where: nearer)
            label.replace(with: SIMD8<Int64>(repeating: Int64(cluster)), where: nearer)
        }
        if count &- i < 8 {
            let isPadding = SIMD8<Int64>(0, 1, 2, 3, 4, 5, 6, 7) .>= Int64(count &- i)
            label.replace(with: -1, where: isPadding)
            best.replace(with: 0, where: isPadding)
        }
        let place = UnsafeMutableRawPointer(labels + i)
        let before = place.loadUnaligned(as: SIMD8<Int64>.self)
        let bits = (one &<< label) | (one &<< before)
        touched |= SIMD8<Int64>.zero.replacing(with: bits, where: label .!= before)
        place.storeBytes(of: label, as: SIMD8<Int64>.self)
        store(best, distances + i)
        i &+= 8
    }
    var all: Int64 = 0
    for lane in 0..<8 { all |= touched[lane] }
    return all
}

/// The sum of one cluster's points, and their number; the lanes are those of ``sumByCluster(_:_:_:_:_:_:_:_:)``.
@inline(__always)
private func sumOfCluster(
    _ points: UnsafePointer<Double>, _ stride: Int, _ dimensions: Int, _ labels: UnsafePointer<Int64>, _ cluster: Int,
    _ sum: UnsafeMutablePointer<Double>
) -> Int {
    let wanted = SIMD8<Int64>(repeating: Int64(cluster))
    var size = SIMD8<Int64>.zero
    var d = 0
    repeat {
        let together = min(3, dimensions &- d)
        let x = points + d &* stride
        var (first, second, third) = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
        var i = 0
        size = .zero
        while i < stride {
            let isWanted = UnsafeRawPointer(labels + i).loadUnaligned(as: SIMD8<Int64>.self) .== wanted
            size.replace(with: size &+ 1, where: isWanted)
            first += SIMD8<Double>.zero.replacing(with: load(x + i), where: isWanted)
            if together > 1 { second += SIMD8<Double>.zero.replacing(with: load(x + (stride &+ i)), where: isWanted) }
            if together > 2 { third += SIMD8<Double>.zero.replacing(with: load(x + (2 &* stride &+ i)), where: isWanted) }
            i &+= 8
        }
        sum[d] = first.sum()
        if together > 1 { sum[d &+ 1] = second.sum() }
        if together > 2 { sum[d &+ 2] = third.sum() }
        d &+= 3
    } while d < dimensions
    return Int(size.wrappedSum())
}

/// The sums of all clusters, point after point.
private func scatter(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ labels: UnsafePointer<Int64>, _ clusters: Int,
    _ sums: UnsafeMutablePointer<Double>, _ sizes: UnsafeMutablePointer<Int>
) {
    for i in 0..<clusters &* dimensions { sums[i] = 0 }
    for i in 0..<clusters { sizes[i] = 0 }
    for i in 0..<count {
        let label = Int(labels[i])
        sizes[label] &+= 1
        for d in 0..<dimensions { sums[label &* dimensions &+ d] += points[d &* stride &+ i] }
    }
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
