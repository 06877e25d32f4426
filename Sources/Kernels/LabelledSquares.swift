// Squares of a row's weights that are inside clusters: those whose column has the row's label.

@inline(__always)
private func loadLabels(_ labels: UnsafePointer<Int32>) -> SIMD8<Int32> {
    UnsafeRawPointer(labels).loadUnaligned(as: SIMD8<Int32>.self)
}

/// The sum of w_j^2 over the row and, added to `inside`, over the places whose label is `label`.
package func labelledSquares(
    _ w: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>, _ label: Int32, _ count: Int, _ inside: UnsafeMutablePointer<Double>
) -> Double {
    let wanted = SIMD8<Int32>(repeating: label)
    var total = 0.0
    var member = 0.0
    var i = 0
    while i &+ laneCount <= count {
        // Lanes are added in single precision over 512 elements at most.
        let end = min(i &+ 512, count)
        var squares = Lanes.zero
        var members = Lanes.zero
        while i &+ laneCount <= end {
            let x = loadLanes(w + i)
            let square = x * x
            squares += square
            members += square.replacing(with: 0, where: loadLabels(labels + i) .!= wanted)
            i &+= laneCount
        }
        total += Double(squares.sum())
        member += Double(members.sum())
    }
    while i < count {
        let square = Double(w[i]) * Double(w[i])
        total += square
        if labels[i] == label { member += square }
        i &+= 1
    }
    inside.pointee += member
    return total
}

/// g_j += w_j * (labels_j = label ? inside : outside).
package func addLabelledMultiples(
    _ w: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>, _ label: Int32, _ inside: Float, _ outside: Float,
    _ g: UnsafeMutablePointer<Float>, _ count: Int
) {
    let wanted = SIMD8<Int32>(repeating: label)
    let (near, far) = (Lanes(repeating: inside), Lanes(repeating: outside))
    var i = 0
    while i &+ laneCount <= count {
        let factors = far.replacing(with: near, where: loadLabels(labels + i) .== wanted)
        storeLanes(multiplyAdd(loadLanes(w + i), factors, loadLanes(g + i)), g + i)
        i &+= laneCount
    }
    while i < count {
        g[i] += w[i] * (labels[i] == label ? inside : outside)
        i &+= 1
    }
}
