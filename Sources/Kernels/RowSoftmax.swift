// Softmax over a row: its largest element, exponentials with their sum, and the way back.

/// The largest element; NaN does not count; minus infinity for an empty row.
public func rowMaximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var first = Lanes(repeating: -.infinity)
    var second = first
    var i = 0
    while i &+ 32 <= count {
        let (a, b) = (loadLanes(x + i), loadLanes(x + i + 16))
        first.replace(with: a, where: a .> first)
        second.replace(with: b, where: b .> second)
        i &+= 32
    }
    first.replace(with: second, where: second .> first)
    var largest = first.max()
    while i < count {
        if x[i] > largest { largest = x[i] }
        i &+= 1
    }
    return largest
}

/// y_i = e^(x_i - shift) for a shift that no x exceeds; returns their sum. y may be x.
public func exponentials(
    _ x: UnsafePointer<Float>, _ count: Int, _ shift: Float, _ y: UnsafeMutablePointer<Float>
) -> Double {
    let shift = Lanes(repeating: shift)
    return sumLanes(count) { i in
        let value = exponential(loadLanes(x + i) - shift)
        storeLanes(value, y + i)
        return value
    } last: { i, rest in
        let value = exponential(loadLanes(x + i, rest, filling: -.infinity) - shift)
        storeLanes(value, y + i, rest)
        return value
    }
}

/// The sum of e^(x_i - shift) for a shift that no x exceeds.
public func sumOfExponentials(_ x: UnsafePointer<Float>, _ count: Int, _ shift: Float) -> Double {
    let shift = Lanes(repeating: shift)
    return sumLanes(count) { i in
        exponential(loadLanes(x + i) - shift)
    } last: { i, rest in
        exponential(loadLanes(x + i, rest, filling: -.infinity) - shift)
    }
}

/// x_i *= factor.
public func scaleInPlace(_ x: UnsafeMutablePointer<Float>, _ count: Int, _ factor: Float) {
    for i in 0..<count { x[i] *= factor }
}

/// The sum of a_i * b_i.
public func sumOfProducts(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    sumLanes(count) { i in
        loadLanes(a + i) * loadLanes(b + i)
    } last: { i, rest in
        loadLanes(a + i, rest, filling: 0) * loadLanes(b + i, rest, filling: 0)
    }
}

/// gradient_i += p_i * (dp_i - mean): the way back through a softmax p, where mean = sum p_i dp_i.
public func addSoftmaxGradient(
    _ p: UnsafePointer<Float>, _ dp: UnsafePointer<Float>, _ count: Int, _ mean: Float, _ gradient: UnsafeMutablePointer<Float>
) {
    addLanes(p, dp, gradient, count) { p, dp in p * (dp - mean) }
}

/// dp_i = scale * p_i * (dp_i - mean): the same in place of dp.
public func makeSoftmaxGradient(
    _ p: UnsafePointer<Float>, _ dp: UnsafeMutablePointer<Float>, _ count: Int, _ mean: Float, _ scale: Float
) {
    for i in 0..<count { dp[i] = scale * (p[i] * (dp[i] - mean)) }
}

/// The first place of a NaN; where there is none, the first place of `value`; `count` where neither is there.
public func firstPlace(of value: Float, _ x: UnsafePointer<Float>, _ count: Int) -> Int {
    var found = count
    var i = 0
    while i < count {
        let rest = min(16, count &- i)
        let lanes = rest == 16 ? loadLanes(x + i) : loadLanes(x + i, rest, filling: x[i])
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
        i &+= 16
    }
    return found
}
