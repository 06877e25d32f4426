// Layer norm and RMS norm of a row, forward and backward. Sums continue in double precision after 512 elements.

/// A row's normalisation: xhat_i = ((x_i - center) - rest) * factor, where center + rest is the mean.
///
/// The mean is subtracted in two steps, because a mean rounded to single precision would cause visible errors in rows that are far from 0.
private struct RowMoments {
    var center: Float = 0
    var rest: Float = 0
    var factor: Float
    /// Whether a mean was subtracted.
    var isCentered = false

    @inline(__always)
    func normalized(_ x: Lanes) -> Lanes { ((x - center) - rest) * factor }

    /// Mean and variance (over the count): factor = 1 / sqrt(variance + epsilon).
    ///
    /// The first sum gives a center near the mean; the second pass, over small differences, what is missing.
    @inline(__always)
    static func layer(_ x: UnsafePointer<Float>, _ count: Int, _ epsilon: Float) -> RowMoments {
        let sum = sumLanes(count) { i in
            loadLanes(x + i)
        } last: { i, rest in
            loadLanes(x + i, rest, filling: 0)
        }
        let center = Float(sum / Double(count))
        var (differences, squares) = (0.0, 0.0)
        var i = 0
        while i < count {
            let end = min(i &+ 512, count)
            var (first, second) = (Lanes.zero, Lanes.zero)
            var (third, fourth) = (Lanes.zero, Lanes.zero)
            while i &+ 2 &* laneCount <= end {
                let d = loadLanes(x + i) - center
                let e = loadLanes(x + i + laneCount) - center
                first += d
                second = multiplyAdd(d, d, second)
                third += e
                fourth = multiplyAdd(e, e, fourth)
                i &+= 2 &* laneCount
            }
            while i &+ laneCount <= end {
                let d = loadLanes(x + i) - center
                first += d
                second = multiplyAdd(d, d, second)
                i &+= laneCount
            }
            if i < end {
                let d = loadLanes(x + i, end &- i, filling: center) - center
                first += d
                second = multiplyAdd(d, d, second)
                i = end
            }
            differences += Double((first + third).sum())
            squares += Double((second + fourth).sum())
        }
        let rest = differences / Double(count)
        let variance = squares / Double(count) - rest * rest
        // Not `max`, which would hide a NaN.
        let factor = 1 / ((variance < 0 ? 0 : variance) + Double(epsilon)).squareRoot()
        return RowMoments(center: center, rest: Float(rest), factor: Float(factor), isCentered: true)
    }

    /// factor = 1 / sqrt(mean of squares + epsilon), the mean itself left alone.
    @inline(__always)
    static func rootMeanSquare(_ x: UnsafePointer<Float>, _ count: Int, _ epsilon: Float) -> RowMoments {
        let squares = sumLanes(count) { i in
            let x = loadLanes(x + i)
            return x * x
        } last: { i, rest in
            let x = loadLanes(x + i, rest, filling: 0)
            return x * x
        }
        return RowMoments(factor: Float(1 / (squares / Double(count) + Double(epsilon)).squareRoot()))
    }
}

/// y = layer norm of x, times the weight, plus the bias, if they are there. y may be x.
package func layerNorm(
    _ x: UnsafePointer<Float>, _ count: Int, _ epsilon: Float, _ weight: UnsafePointer<Float>?, _ bias: UnsafePointer<Float>?,
    _ y: UnsafeMutablePointer<Float>
) {
    writeNormalized(x, count, .layer(x, count, epsilon), weight, 0, bias, y)
}

/// y = RMS norm of x times (offset + weight). y may be x.
package func rootMeanSquareNorm(
    _ x: UnsafePointer<Float>, _ count: Int, _ epsilon: Float, _ weight: UnsafePointer<Float>, _ offset: Float,
    _ y: UnsafeMutablePointer<Float>
) {
    writeNormalized(x, count, .rootMeanSquare(x, count, epsilon), weight, offset, nil, y)
}

/// Adds a layer norm's gradients for a row to the requested ones.
package func addLayerNormGradients(
    _ x: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ count: Int, _ epsilon: Float, _ weight: UnsafePointer<Float>?,
    _ gradient: UnsafeMutablePointer<Float>?, _ weightGradient: UnsafeMutablePointer<Float>?, _ biasGradient: UnsafeMutablePointer<Float>?
) {
    let moments = RowMoments.layer(x, count, epsilon)
    if let gradient { addNormalizedGradient(x, outputGradient, count, moments, weight, 0, gradient) }
    if let weightGradient { addNormalizedProduct(x, outputGradient, count, moments, weightGradient) }
    if let biasGradient { addInPlace(outputGradient, biasGradient, count) }
}

/// Adds an RMS norm's gradients for a row to the requested ones.
package func addRootMeanSquareNormGradients(
    _ x: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ count: Int, _ epsilon: Float, _ weight: UnsafePointer<Float>,
    _ offset: Float, _ gradient: UnsafeMutablePointer<Float>?, _ weightGradient: UnsafeMutablePointer<Float>?
) {
    let moments = RowMoments.rootMeanSquare(x, count, epsilon)
    if let gradient { addNormalizedGradient(x, outputGradient, count, moments, weight, offset, gradient) }
    if let weightGradient { addNormalizedProduct(x, outputGradient, count, moments, weightGradient) }
}

/// y_i = xhat_i * (offset + weight_i) + bias_i, without the parameters that are nil.
@inline(__always)
private func writeNormalized(
    _ x: UnsafePointer<Float>, _ count: Int, _ moments: RowMoments, _ weight: UnsafePointer<Float>?, _ offset: Float,
    _ bias: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>
) {
    guard let weight else {
        mapLanes(x, y, count) { moments.normalized($0) }
        return
    }
    var i = 0
    while i &+ laneCount <= count {
        let scaled = moments.normalized(loadLanes(x + i)) * (loadLanes(weight + i) + offset)
        if let bias { storeLanes(scaled + loadLanes(bias + i), y + i) } else { storeLanes(scaled, y + i) }
        i &+= laneCount
    }
    guard i < count else { return }
    let rest = count &- i
    var scaled = moments.normalized(loadLanes(x + i, rest, filling: 0)) * (loadLanes(weight + i, rest, filling: 0) + offset)
    if let bias { scaled += loadLanes(bias + i, rest, filling: 0) }
    storeLanes(scaled, y + i, rest)
}

/// g_i = dy_i * (offset + weight_i).
@inline(__always)
private func weighted(
    _ outputGradient: UnsafePointer<Float>, _ weight: UnsafePointer<Float>?, _ offset: Float, _ i: Int
) -> Lanes {
    let dy = loadLanes(outputGradient + i)
    guard let weight else { return dy }
    return dy * (loadLanes(weight + i) + offset)
}

@inline(__always)
private func weighted(
    _ outputGradient: UnsafePointer<Float>, _ weight: UnsafePointer<Float>?, _ offset: Float, _ i: Int, _ rest: Int
) -> Lanes {
    let dy = loadLanes(outputGradient + i, rest, filling: 0)
    guard let weight else { return dy }
    return dy * (loadLanes(weight + i, rest, filling: 0) + offset)
}

/// dx_i += factor * (g_i - mean(g) - xhat_i * mean(g xhat)) with g_i = dy_i * (offset + weight_i); mean(g) only where the mean
/// was subtracted.
@inline(__always)
private func addNormalizedGradient(
    _ x: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ count: Int, _ moments: RowMoments, _ weight: UnsafePointer<Float>?,
    _ offset: Float, _ gradient: UnsafeMutablePointer<Float>
) {
    let along = sumLanes(count) { i in
        weighted(outputGradient, weight, offset, i) * moments.normalized(loadLanes(x + i))
    } last: { i, rest in
        weighted(outputGradient, weight, offset, i, rest) * moments.normalized(loadLanes(x + i, rest, filling: 0))
    }
    let slope = Float(along / Double(count))
    var shift: Float = 0
    if moments.isCentered {
        let sum = sumLanes(count) { i in
            weighted(outputGradient, weight, offset, i)
        } last: { i, rest in
            weighted(outputGradient, weight, offset, i, rest)
        }
        shift = Float(sum / Double(count))
    }
    var i = 0
    while i &+ laneCount <= count {
        let g = weighted(outputGradient, weight, offset, i)
        let change = (g - shift - moments.normalized(loadLanes(x + i)) * slope) * moments.factor
        storeLanes(loadLanes(gradient + i) + change, gradient + i)
        i &+= laneCount
    }
    guard i < count else { return }
    let rest = count &- i
    let g = weighted(outputGradient, weight, offset, i, rest)
    let change = (g - shift - moments.normalized(loadLanes(x + i, rest, filling: 0)) * slope) * moments.factor
    storeLanes(loadLanes(gradient + i, rest, filling: 0) + change, gradient + i, rest)
}

/// weightGradient_i += dy_i * xhat_i.
@inline(__always)
private func addNormalizedProduct(
    _ x: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ count: Int, _ moments: RowMoments,
    _ weightGradient: UnsafeMutablePointer<Float>
) {
    addLanes(x, outputGradient, weightGradient, count) { x, dy in dy * moments.normalized(x) }
}
