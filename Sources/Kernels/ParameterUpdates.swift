// Steps of optimisers, element by element. Every result depends on its own place alone.

/// The root of a number of at least 0, relative error 1e-7: an inverse root by its bits and two steps of Newton's, then one step on the root.
///
/// The library's root has a branch for numbers below 0, which keeps a loop around it from becoming one of vectors.
@inline(__always)
private func squareRoot(_ x: Float) -> Float {
    var inverse = Float(bitPattern: 0x5F37_59DF &- (x.bitPattern &>> 1))
    // x * inverse first: the square of the inverse of a small number would leave the range.
    for _ in 0..<2 { inverse *= 1.5 - (x * 0.5 * inverse) * inverse }
    let root = x * inverse
    let better = multiplyAdd((x - root * root) * 0.5, inverse, root)
    return x == .infinity ? x : better
}

/// The number, or 0 if it is so small that it has lost digits: the processor takes ten times as long for such numbers, and the means of a
/// gradient that has become 0 stay among them for many steps.
@inline(__always)
private func normal(_ x: Float) -> Float { x.magnitude < .leastNormalMagnitude ? 0 : x }

/// Adam on weights w with gradients g: m and v are the running means of g and g^2.
///
/// - Parameter c: factor of g; weight decay added to g; factor of w; 1 - beta1; beta2; 1 - beta2; step size; 1 / root of v's bias
///   correction; epsilon.
package func adamStep(
    _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ m: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>,
    _ count: Int, _ c: UnsafePointer<Float>
) {
    let (factor, decay, kept, newShare) = (c[0], c[1], c[2], c[3])
    let (oldSquares, newSquares, step, correction, epsilon) = (c[4], c[5], c[6], c[7], c[8])
    for i in 0..<count {
        let gradient = multiplyAdd(decay, w[i], g[i] * factor)
        let mean = normal(multiplyAdd(gradient - m[i], newShare, m[i]))
        let square = normal(multiplyAdd(gradient * gradient, newSquares, v[i] * oldSquares))
        let root = multiplyAdd(squareRoot(square), correction, epsilon)
        w[i] = w[i] * kept - step * (mean / root)
        m[i] = mean
        v[i] = square
    }
}

/// Gradient descent with momentum on weights w with gradients g: b is the running sum.
///
/// - Parameter c: factor of g; weight decay added to g; momentum; the share of b in the step; the share of g in the step. The shares
///   carry the learning rate.
package func momentumStep(
    _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ b: UnsafeMutablePointer<Float>, _ count: Int, _ c: UnsafePointer<Float>
) {
    let (factor, decay, momentum, sumShare, gradientShare) = (c[0], c[1], c[2], c[3], c[4])
    for i in 0..<count {
        let gradient = multiplyAdd(decay, w[i], g[i] * factor)
        let sum = normal(multiplyAdd(momentum, b[i], gradient))
        w[i] -= multiplyAdd(sumShare, sum, gradientShare * gradient)
        b[i] = sum
    }
}

/// Sum of x^2.
package func sumOfSquares(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    sumLanes(count) { i in
        let lanes = loadLanes(x + i)
        return lanes * lanes
    } last: { i, rest in
        let lanes = loadLanes(x + i, rest, filling: 0)
        return lanes * lanes
    }
}
