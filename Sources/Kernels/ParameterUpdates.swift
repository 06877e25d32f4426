// Steps of optimisers, element by element. Every result depends on its own place alone.

private typealias LaneBits = SIMD8<UInt32>

/// The root of numbers from 0 on, relative error 1e-7: an inverse root by its bits and three steps of Newton's, then one step on the root.
@inline(__always)
private func squareRoot(_ x: Lanes) -> Lanes {
    let bits = LaneBits(repeating: 0x5F37_59DF) &- (unsafeBitCast(x, to: LaneBits.self) &>> LaneBits(repeating: 1))
    var inverse = unsafeBitCast(bits, to: Lanes.self)
    // x * inverse first: the square of the inverse of a small number would leave the range.
    for _ in 0..<3 { inverse = inverse * (1.5 - (x * 0.5 * inverse) * inverse) }
    let root = x * inverse
    let better = multiplyAdd((x - root * root) * 0.5, inverse, root)
    return better.replacing(with: x, where: x .== Lanes(repeating: .infinity))
}

/// Calls `body` with every run of as many places as there are lanes, and with the number of lanes of the last one.
@inline(__always)
private func forEachVector(_ count: Int, _ body: (Int) -> Void, last: (Int, Int) -> Void) {
    var i = 0
    while i &+ laneCount <= count {
        body(i)
        i &+= laneCount
    }
    if i < count { last(i, count &- i) }
}

/// Adam on weights w with gradients g: m and v are the running means of g and g^2.
///
/// - Parameter c: factor of g; weight decay added to g; factor of w; 1 - beta1; beta2; 1 - beta2; step size; 1 / root of v's bias
///   correction; epsilon.
public func adamStep(
    _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ m: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>,
    _ count: Int, _ c: UnsafePointer<Float>
) {
    let (factor, decay, kept) = (Lanes(repeating: c[0]), Lanes(repeating: c[1]), Lanes(repeating: c[2]))
    let (newShare, oldSquares, newSquares) = (Lanes(repeating: c[3]), Lanes(repeating: c[4]), Lanes(repeating: c[5]))
    let (step, correction, epsilon) = (Lanes(repeating: c[6]), Lanes(repeating: c[7]), Lanes(repeating: c[8]))
    func next(_ weight: Lanes, _ gradient: Lanes, _ mean: Lanes, _ square: Lanes) -> (Lanes, Lanes, Lanes) {
        let gradient = multiplyAdd(decay, weight, gradient * factor)
        let mean = multiplyAdd(gradient - mean, newShare, mean)
        let square = multiplyAdd(gradient * gradient, newSquares, square * oldSquares)
        let root = multiplyAdd(squareRoot(square), correction, epsilon)
        return (weight * kept - step * (mean / root), mean, square)
    }
    forEachVector(count) { i in
        let (weight, mean, square) = next(loadLanes(w + i), loadLanes(g + i), loadLanes(m + i), loadLanes(v + i))
        storeLanes(weight, w + i)
        storeLanes(mean, m + i)
        storeLanes(square, v + i)
    } last: { i, rest in
        let (weight, mean, square) = next(
            loadLanes(w + i, rest, filling: 0), loadLanes(g + i, rest, filling: 0), loadLanes(m + i, rest, filling: 0),
            loadLanes(v + i, rest, filling: 0))
        storeLanes(weight, w + i, rest)
        storeLanes(mean, m + i, rest)
        storeLanes(square, v + i, rest)
    }
}

/// Gradient descent with momentum on weights w with gradients g: b is the running sum.
///
/// - Parameter c: factor of g; weight decay added to g; momentum; the share of b in the step; the share of g in the step. The shares
///   carry the learning rate.
public func momentumStep(
    _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ b: UnsafeMutablePointer<Float>, _ count: Int, _ c: UnsafePointer<Float>
) {
    let (factor, decay, momentum) = (Lanes(repeating: c[0]), Lanes(repeating: c[1]), Lanes(repeating: c[2]))
    let (sumShare, gradientShare) = (Lanes(repeating: c[3]), Lanes(repeating: c[4]))
    func next(_ weight: Lanes, _ gradient: Lanes, _ sum: Lanes) -> (Lanes, Lanes) {
        let gradient = multiplyAdd(decay, weight, gradient * factor)
        let sum = multiplyAdd(momentum, sum, gradient)
        return (weight - multiplyAdd(sumShare, sum, gradientShare * gradient), sum)
    }
    forEachVector(count) { i in
        let (weight, sum) = next(loadLanes(w + i), loadLanes(g + i), loadLanes(b + i))
        storeLanes(weight, w + i)
        storeLanes(sum, b + i)
    } last: { i, rest in
        let (weight, sum) = next(
            loadLanes(w + i, rest, filling: 0), loadLanes(g + i, rest, filling: 0), loadLanes(b + i, rest, filling: 0))
        storeLanes(weight, w + i, rest)
        storeLanes(sum, b + i, rest)
    }
}

/// Sum of x^2.
public func sumOfSquares(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    sumLanes(count) { i in
        let lanes = loadLanes(x + i)
        return lanes * lanes
    } last: { i, rest in
        let lanes = loadLanes(x + i, rest, filling: 0)
        return lanes * lanes
    }
}
