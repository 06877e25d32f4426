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

/// distances_i = min(distances_i, |x_i - center|^2) into `target`; returns their sum. Padding starts at distance 0 and stays there.
package func minimumDistances(
    _ points: UnsafePointer<Double>, _ stride: Int, _ count: Int, _ dimensions: Int, _ center: UnsafePointer<Double>,
    _ distances: UnsafePointer<Double>, _ target: UnsafeMutablePointer<Double>
) -> Double {
    var total = SIMD8<Double>.zero
    var i = 0
    while i < count {
        var distance = SIMD8<Double>.zero
        for d in 0..<dimensions {
            let x = UnsafeRawPointer(points + (d &* stride &+ i)).loadUnaligned(as: SIMD8<Double>.self)
            let difference = x - center[d]
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
        for d in 0..<dimensions {
            var sum = SIMD8<Double>.zero
            i = 0
            while i < count {
                let label = UnsafeRawPointer(labels + i).loadUnaligned(as: SIMD8<Int64>.self)
                let x = UnsafeRawPointer(points + (d &* stride &+ i)).loadUnaligned(as: SIMD8<Double>.self)
                sum += SIMD8<Double>.zero.replacing(with: x, where: label .== wanted)
                i &+= 8
            }
            sums[cluster &* dimensions &+ d] = sum.sum()
        }
    }
}
