// Softmax over a row: its largest element, exponentials with their sum, and the way back.

/// The largest element; NaN does not count; minus infinity for an empty row.
package func rowMaximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var first = Lanes(repeating: -.infinity)
    var second = first
    var i = 0
    while i &+ 2 &* laneCount <= count {
        let (a, b) = (loadLanes(x + i), loadLanes(x + i + laneCount))
        first.replace(with: a, where: a .> first)
        second.replace(with: b, where: b .> second)
        i &+= 2 &* laneCount
    }
    var largest = max(first.max(), second.max())
    while i < count {
        if x[i] > largest { largest = x[i] }
        i &+= 1
    }
    return largest
}

/// The sum of a row of numbers.
@inline(__always)
private func rowSum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    sumLanes(count) { i in
        loadLanes(x + i)
    } last: { i, rest in
        loadLanes(x + i, rest, filling: 0)
    }
}

/// y_i = e^(x_i - shift) for a shift that no x exceeds; returns their sum. y may be x.
package func exponentials(
    _ x: UnsafePointer<Float>, _ count: Int, _ shift: Float, _ y: UnsafeMutablePointer<Float>
) -> Double {
    mapElements(x, y, count) { exponential($0 - shift) }
    return rowSum(y, count)
}

/// The sum of e^(x_i - shift) for a shift that no x exceeds.
package func sumOfExponentials(_ x: UnsafePointer<Float>, _ count: Int, _ shift: Float) -> Double {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 512) { room in
        let values = room.baseAddress!
        var total = 0.0
        var first = 0
        while first < count {
            let length = min(512, count &- first)
            mapElements(x + first, values, length) { exponential($0 - shift) }
            total += rowSum(values, length)
            first &+= length
        }
        return total
    }
}

/// x_i *= factor.
package func scaleInPlace(_ x: UnsafeMutablePointer<Float>, _ count: Int, _ factor: Float) {
    for i in 0..<count { x[i] *= factor }
}

/// The sum of a_i * b_i.
package func sumOfProducts(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    sumLanes(count) { i in
        loadLanes(a + i) * loadLanes(b + i)
    } last: { i, rest in
        loadLanes(a + i, rest, filling: 0) * loadLanes(b + i, rest, filling: 0)
    }
}

/// gradient_i += p_i * (dp_i - mean): the way back through a softmax p, where mean = sum p_i dp_i.
package func addSoftmaxGradient(
    _ p: UnsafePointer<Float>, _ dp: UnsafePointer<Float>, _ count: Int, _ mean: Float, _ gradient: UnsafeMutablePointer<Float>
) {
    addElements(p, dp, gradient, count) { p, dp in p * (dp - mean) }
}

/// dp_i = scale * p_i * (dp_i - mean): the same in place of dp.
package func makeSoftmaxGradient(
    _ p: UnsafePointer<Float>, _ dp: UnsafeMutablePointer<Float>, _ count: Int, _ mean: Float, _ scale: Float
) {
    for i in 0..<count { dp[i] = scale * (p[i] * (dp[i] - mean)) }
}

/// The first place of a NaN; if there is none, the first place of `value`; `count` if neither is there.
package func firstPlace(of value: Float, _ x: UnsafePointer<Float>, _ count: Int) -> Int {
    var found = count
    var i = 0
    while i < count {
        let rest = min(laneCount, count &- i)
        let lanes = rest == laneCount ? loadLanes(x + i) : loadLanes(x + i, rest, filling: x[i])
        if any(lanes .!= lanes) {
            var lane = 0
            while lanes[lane] == lanes[lane] { lane &+= 1 }
            return i &+ lane
        }
        if found == count, any(lanes .== Lanes(repeating: value)) {
            var lane = 0
            while lanes[lane] != value { lane &+= 1 }
            found = i &+ lane
        }
        i &+= laneCount
    }
    return found
}
