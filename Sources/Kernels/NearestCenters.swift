// The assignment step of k-means, eight points at a time. Points are stored dimension by dimension: coordinate d of point i is
// points[d * stride + i]; `stride` is a multiple of 8, and memory up to it is read and written.

/// The squared distances of eight points to four centres, each the sum over the dimensions in their order.
///
/// - Parameters:
///   - points: the points' first coordinates; `step` is the distance to the next dimension's.
@inline(__always)
func distancesToFour(
    _ points: UnsafePointer<Double>, _ step: Int, _ dimensions: Int, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ c: UnsafePointer<Double>, _ d: UnsafePointer<Double>
) -> (SIMD8<Double>, SIMD8<Double>, SIMD8<Double>, SIMD8<Double>) {
    var (first, second, third, fourth) = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
    var place = points
    for i in 0..<dimensions {
        let x = UnsafeRawPointer(place).loadUnaligned(as: SIMD8<Double>.self)
        let (p, q, r, s) = (x - a[i], x - b[i], x - c[i], x - d[i])
        first += p * p
        second += q * q
        third += r * r
        fourth += s * s
        place += step
    }
    return (first, second, third, fourth)
}

/// From this many dimensions on, eight points are copied so that their coordinates lie together.
private let manyDimensions = 16

/// For each point the nearest centre (the lower index on ties) and the squared distance to it.
///
/// - Parameters:
///   - points: [dimensions, stride].
///   - count: the number of points; the padding after them gets label -1 and distance 0.
///   - centers: [clusters, dimensions].
/// - Returns: whether any label differs from what `labels` held before; the padding's must have been -1.
package func assignNearest(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int,
    _ centers: UnsafePointer<Double>, _ clusters: Int,
    _ labels: UnsafeMutablePointer<Int64>, _ distances: UnsafeMutablePointer<Double>
) -> Bool {
    // Spectral clustering has few dimensions: with a number that the compiler knows, the innermost loop is gone.
    switch dimensions {
    case 1: assign(points, stride, count, 1, centers, clusters, labels, distances)
    case 2: assign(points, stride, count, 2, centers, clusters, labels, distances)
    case 3: assign(points, stride, count, 3, centers, clusters, labels, distances)
    default: assign(points, stride, count, dimensions, centers, clusters, labels, distances)
    }
}

@inline(__always)
private func assign(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int,
    _ centers: UnsafePointer<Double>, _ clusters: Int,
    _ labels: UnsafeMutablePointer<Int64>, _ distances: UnsafeMutablePointer<Double>
) -> Bool {
    var changed = SIMD8<Int64>.zero
    let room = dimensions >= manyDimensions ? UnsafeMutablePointer<Double>.allocate(capacity: 8 &* dimensions) : nil
    defer { room?.deallocate() }
    var i = 0
    while i < count {
        var eight = points + i
        var step = stride
        if let room {
            for d in 0..<dimensions { (room + 8 &* d).update(from: points + (d &* stride &+ i), count: 8) }
            (eight, step) = (UnsafePointer(room), 8)
        }
        var best = SIMD8<Double>(repeating: .infinity)
        var label = SIMD8<Int64>.zero
        @inline(__always)
        func compare(_ distance: SIMD8<Double>, _ cluster: Int) {
            let nearer = distance .< best
            best.replace(with: distance, where: nearer)
            label.replace(with: SIMD8<Int64>(repeating: Int64(cluster)), where: nearer)
        }
        var cluster = 0
        while cluster &+ 4 <= clusters {
            let center = centers + cluster &* dimensions
            let four = distancesToFour(
                eight, step, dimensions, center, center + dimensions, center + 2 &* dimensions, center + 3 &* dimensions)
            compare(four.0, cluster)
            compare(four.1, cluster &+ 1)
            compare(four.2, cluster &+ 2)
            compare(four.3, cluster &+ 3)
            cluster &+= 4
        }
        while cluster < clusters {
            var distance = SIMD8<Double>.zero
            for d in 0..<dimensions {
                let x = UnsafeRawPointer(eight + d &* step).loadUnaligned(as: SIMD8<Double>.self)
                let difference = x - centers[cluster &* dimensions &+ d]
                distance += difference * difference
            }
            compare(distance, cluster)
            cluster &+= 1
        }
        if count &- i < 8 {
            let isPadding = SIMD8<Int64>(0, 1, 2, 3, 4, 5, 6, 7) .>= Int64(count &- i)
            label.replace(with: -1, where: isPadding)
            best.replace(with: 0, where: isPadding)
        }
        let labelTarget = UnsafeMutableRawPointer(labels + i)
        changed |= labelTarget.loadUnaligned(as: SIMD8<Int64>.self) ^ label
        labelTarget.storeBytes(of: label, as: SIMD8<Int64>.self)
        UnsafeMutableRawPointer(distances + i).storeBytes(of: best, as: SIMD8<Double>.self)
        i &+= 8
    }
    return changed != .zero
}

/// distances_i = min(distances_i, |x_i - x_center|^2) into `target`; returns their sum. Padding starts at distance 0 and stays there.
package func minimumDistances(
    _ points: UnsafePointer<Double>, _ stride: Int, _ dimensions: Int, _ center: Int, _ distances: UnsafePointer<Double>,
    _ target: UnsafeMutablePointer<Double>
) -> Double {
    switch dimensions {
    case 1: lower(points, stride, 1, center, distances, target)
    case 2: lower(points, stride, 2, center, distances, target)
    case 3: lower(points, stride, 3, center, distances, target)
    default: lower(points, stride, dimensions, center, distances, target)
    }
}

@inline(__always)
private func lower(
    _ points: UnsafePointer<Double>, _ stride: Int, _ dimensions: Int, _ center: Int, _ distances: UnsafePointer<Double>,
    _ target: UnsafeMutablePointer<Double>
) -> Double {
    var total = SIMD8<Double>.zero
    var i = 0
    while i < stride {
        var distance = SIMD8<Double>.zero
        for d in 0..<dimensions {
            let x = UnsafeRawPointer(points + (d &* stride &+ i)).loadUnaligned(as: SIMD8<Double>.self)
            let difference = x - points[d &* stride &+ center]
            distance += difference * difference
        }
        let old = UnsafeRawPointer(distances + i).loadUnaligned(as: SIMD8<Double>.self)
        distance.replace(with: old, where: old .< distance)
        UnsafeMutableRawPointer(target + i).storeBytes(of: distance, as: SIMD8<Double>.self)
        total += distance
        i &+= 8
    }
    return total.sum()
}

/// As ``minimumDistances(_:_:_:_:_:_:_:)`` for four centres, [4, dimensions], in one pass over the points; the same bits.
///
/// - Parameters:
///   - targets: [4, stride].
///   - totals: the four sums.
package func minimumDistancesToFour(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ centers: UnsafePointer<Double>,
    _ old: UnsafePointer<Double>, _ targets: UnsafeMutablePointer<Double>, _ totals: UnsafeMutablePointer<Double>
) {
    var (a, b, c, d) = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
    var i = 0
    while i < count {
        let four = distancesToFour(
            points + i, stride, dimensions, centers, centers + dimensions, centers + 2 &* dimensions, centers + 3 &* dimensions)
        let before = UnsafeRawPointer(old + i).loadUnaligned(as: SIMD8<Double>.self)
        @inline(__always)
        func put(_ distance: SIMD8<Double>, _ center: Int, _ total: inout SIMD8<Double>) {
            let smaller = distance.replacing(with: before, where: before .< distance)
            UnsafeMutableRawPointer(targets + (center &* stride &+ i)).storeBytes(of: smaller, as: SIMD8<Double>.self)
            total += smaller
        }
        put(four.0, 0, &a)
        put(four.1, 1, &b)
        put(four.2, 2, &c)
        put(four.3, 3, &d)
        i &+= 8
    }
    totals[0] = a.sum()
    totals[1] = b.sum()
    totals[2] = c.sum()
    totals[3] = d.sum()
}

/// Sums of the coordinates of each cluster's points, [clusters, dimensions], and the numbers of points.
///
/// Lane l of eight processes the points i with i mod 8 = l; the count is a multiple of 8, the padding has label -1.
package func sumByCluster(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ labels: UnsafePointer<Int64>,
    _ clusters: Int, _ sums: UnsafeMutablePointer<Double>, _ sizes: UnsafeMutablePointer<Int>
) {
    for cluster in 0..<clusters {
        let wanted = SIMD8<Int64>(repeating: Int64(cluster))
        var size = SIMD8<Int64>.zero
        var i = 0
        while i < count {
            let label = UnsafeRawPointer(labels + i).loadUnaligned(as: SIMD8<Int64>.self)
            size.replace(with: size &+ 1, where: label .== wanted)
            i &+= 8
        }
        sizes[cluster] = Int(size.wrappedSum())
        let target = sums + cluster &* dimensions
        var d = 0
        // Three coordinates at a time: one after the other, each addition would wait for the one before it.
        while d &+ 3 <= dimensions {
            let (x, y, z) = (points + d &* stride, points + (d &+ 1) &* stride, points + (d &+ 2) &* stride)
            var (first, second, third) = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
            i = 0
            while i < count {
                let isWanted = UnsafeRawPointer(labels + i).loadUnaligned(as: SIMD8<Int64>.self) .== wanted
                first += SIMD8<Double>.zero.replacing(with: UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Double>.self), where: isWanted)
                second += SIMD8<Double>.zero.replacing(with: UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Double>.self), where: isWanted)
                third += SIMD8<Double>.zero.replacing(with: UnsafeRawPointer(z + i).loadUnaligned(as: SIMD8<Double>.self), where: isWanted)
                i &+= 8
            }
            target[d] = first.sum()
            target[d &+ 1] = second.sum()
            target[d &+ 2] = third.sum()
            d &+= 3
        }
        while d < dimensions {
            let x = points + d &* stride
            var sum = SIMD8<Double>.zero
            i = 0
            while i < count {
                let isWanted = UnsafeRawPointer(labels + i).loadUnaligned(as: SIMD8<Int64>.self) .== wanted
                sum += SIMD8<Double>.zero.replacing(with: UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Double>.self), where: isWanted)
                i &+= 8
            }
            target[d] = sum.sum()
            d &+= 1
        }
    }
}
