// The assignment step of k-means, eight points at a time. Points are stored dimension by dimension: coordinate d of point i is
// points[d * stride + i]; `stride` is a multiple of 8, and memory up to it is read and written.

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
    var i = 0
    while i < count {
        var best = SIMD8<Double>(repeating: .infinity)
        var label = SIMD8<Int64>.zero
        for cluster in 0..<clusters {
            var distance = SIMD8<Double>.zero
            for d in 0..<dimensions {
                let x = UnsafeRawPointer(points + (d &* stride &+ i)).loadUnaligned(as: SIMD8<Double>.self)
                let difference = x - centers[cluster &* dimensions &+ d]
                distance += difference * difference
            }
            let nearer = distance .< best
            best.replace(with: distance, where: nearer)
            label.replace(with: SIMD8<Int64>(repeating: Int64(cluster)), where: nearer)
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
