// Rotations of pairs of elements, the heart of rotary positions. Pair i has the angle whose cosine and sine are c_i and s_i.

/// y = x with element i and element i + half turned by angle i: (a, b) -> (a c - b s, b c + a s). y may be x.
package func rotateHalves(
    _ x: UnsafePointer<Float>, _ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>, _ half: Int, _ y: UnsafeMutablePointer<Float>
) {
    for i in 0..<half {
        let (a, b) = (x[i], x[half &+ i])
        y[i] = a * c[i] - b * s[i]
        y[half &+ i] = b * c[i] + a * s[i]
    }
}

/// gradient += dy turned back, halves as above.
package func addRotatedHalvesGradient(
    _ dy: UnsafePointer<Float>, _ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>, _ half: Int, _ gradient: UnsafeMutablePointer<Float>
) {
    for i in 0..<half {
        let (a, b) = (dy[i], dy[half &+ i])
        gradient[i] += a * c[i] + b * s[i]
        gradient[half &+ i] += b * c[i] - a * s[i]
    }
}

/// y = x with elements 2 i and 2 i + 1 turned by angle i. y may be x.
package func rotateNeighbours(
    _ x: UnsafePointer<Float>, _ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>, _ half: Int, _ y: UnsafeMutablePointer<Float>
) {
    for i in 0..<half {
        let (a, b) = (x[2 &* i], x[2 &* i &+ 1])
        y[2 &* i] = a * c[i] - b * s[i]
        y[2 &* i &+ 1] = b * c[i] + a * s[i]
    }
}

/// gradient += dy turned back, neighbours as above.
package func addRotatedNeighboursGradient(
    _ dy: UnsafePointer<Float>, _ c: UnsafePointer<Float>, _ s: UnsafePointer<Float>, _ half: Int, _ gradient: UnsafeMutablePointer<Float>
) {
    for i in 0..<half {
        let (a, b) = (dy[2 &* i], dy[2 &* i &+ 1])
        gradient[2 &* i] += a * c[i] + b * s[i]
        gradient[2 &* i &+ 1] += b * c[i] - a * s[i]
    }
}
