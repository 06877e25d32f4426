// Eight numbers at a time. Ends of rows that fill no vector are loaded one by one and go through the same arithmetic,
// so that a result does not depend on the position of its element.

typealias Lanes = SIMD8<Float>

@inline(__always)
var laneCount: Int { Lanes.scalarCount }

@inline(__always)
func loadLanes(_ source: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

/// The first `count` lanes from memory, the others `filling`.
@inline(__always)
func loadLanes(_ source: UnsafePointer<Float>, _ count: Int, filling: Float) -> Lanes {
    var lanes = Lanes(repeating: filling)
    for lane in 0..<count { lanes[lane] = source[lane] }
    return lanes
}

@inline(__always)
func storeLanes(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
}

@inline(__always)
func storeLanes(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    for lane in 0..<count { target[lane] = lanes[lane] }
}

/// a * b + c, rounded once if that is one instruction.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    #if FUSED_MULTIPLY_ADD
    return c.addingProduct(a, b)
    #else
    return a * b + c
    #endif
}

/// y_i = f(x_i).
@inline(__always)
func mapLanes(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Lanes) -> Lanes) {
    var i = 0
    while i &+ laneCount <= count {
        storeLanes(f(loadLanes(x + i)), y + i)
        i &+= laneCount
    }
    if i < count { storeLanes(f(loadLanes(x + i, count &- i, filling: 0)), y + i, count &- i) }
}

/// target_i += f(x_i, y_i).
@inline(__always)
func addLanes(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int,
    _ f: (Lanes, Lanes) -> Lanes
) {
    var i = 0
    while i &+ laneCount <= count {
        storeLanes(loadLanes(target + i) + f(loadLanes(x + i), loadLanes(y + i)), target + i)
        i &+= laneCount
    }
    guard i < count else { return }
    let rest = count &- i
    let sum = loadLanes(target + i, rest, filling: 0) + f(loadLanes(x + i, rest, filling: 0), loadLanes(y + i, rest, filling: 0))
    storeLanes(sum, target + i, rest)
}

/// The sum of f(i, rest) over the vectors that begin at i, the last of which has `rest` lanes, the others all eight.
///
/// Lanes are added in single precision over 512 elements at most, the rest of the way in double precision.
@inline(__always)
func sumLanes(_ count: Int, _ f: (Int) -> Lanes, last: (Int, Int) -> Lanes) -> Double {
    var total = 0.0
    var i = 0
    while i &+ laneCount <= count {
        let end = min(i &+ 512, count)
        var lanes = Lanes.zero
        while i &+ laneCount <= end {
            lanes += f(i)
            i &+= laneCount
        }
        total += Double(lanes.sum())
    }
    if i < count { total += Double(last(i, count &- i).sum()) }
    return total
}
