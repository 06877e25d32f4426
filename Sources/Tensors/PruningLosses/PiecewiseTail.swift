/// The part of a network after a layer's neurons, if it is piecewise linear: from the values [width] that the neurons add up to, to scores.
package struct PiecewiseTail: Sendable {
    package enum Step: Sendable {
        /// max(x, 0).
        case rectify
        /// scale x + shift, each value with its own.
        case affine(scale: [Double], shift: [Double])
        /// y = W x + b; the columns of W one after the other, [in, out].
        case linear(columns: [Double], bias: [Double])
    }

    package let width: Int
    package let steps: [Step]

    package init(width: Int, steps: [Step]) {
        self.width = width
        self.steps = steps
    }

    /// The most values that any step reads or writes.
    var largestWidth: Int {
        steps.reduce(width) { widest, step in if case .linear(_, let bias) = step { max(widest, bias.count) } else { widest } }
    }
}

/// One sample's way through a tail: the values, and how they change along a straight line.
///
/// The scores are a straight function of the way along the line between two places, those where a rectified value passes 0.
final class TailWalk {
    let tail: PiecewiseTail
    private let room: Buffer<Double>
    private(set) var values: UnsafeMutablePointer<Double>
    private(set) var slopes: UnsafeMutablePointer<Double>
    private var otherValues: UnsafeMutablePointer<Double>
    private var otherSlopes: UnsafeMutablePointer<Double>
    /// How far the line may be followed backwards and forwards.
    private(set) var low = -Double.infinity
    private(set) var high = Double.infinity

    init(_ tail: PiecewiseTail) {
        self.tail = tail
        let width = tail.largestWidth
        room = Buffer(uninitialized: 4 * width)
        values = room.base
        slopes = room.base + width
        otherValues = room.base + 2 * width
        otherSlopes = room.base + 3 * width
    }

    /// Goes from start + distance * direction in the given direction; the scores are then in ``values`` and ``slopes``.
    func run(_ start: UnsafePointer<Double>, _ direction: UnsafePointer<Double>, distance: Double) {
        let kernels = DoubleKernels.current
        var width = tail.width
        kernels.writeScaledSum(distance, direction, start, values, width)
        slopes.update(from: direction, count: width)
        (low, high) = (-.infinity, .infinity)
        for step in tail.steps {
            switch step {
            case .rectify: rectify(width)
            case .affine(let scale, let shift):
                for place in 0..<width {
                    values[place] = scale[place] * values[place] + shift[place]
                    slopes[place] *= scale[place]
                }
            case .linear(let columns, let bias):
                columns.withUnsafeBufferPointer { columns in
                    guard let columns = columns.baseAddress else { return }
                    for place in 0..<bias.count {
                        otherValues[place] = bias[place]
                        otherSlopes[place] = 0
                    }
                    for place in 0..<width {
                        let column = columns + place * bias.count
                        if values[place] != 0 { kernels.addScaled(values[place], column, otherValues, bias.count) }
                        if slopes[place] != 0 { kernels.addScaled(slopes[place], column, otherSlopes, bias.count) }
                    }
                }
                swap(&values, &otherValues)
                swap(&slopes, &otherSlopes)
                width = bias.count
            }
        }
    }

    private func rectify(_ width: Int) {
        for place in 0..<width {
            let (value, slope) = (values[place], slopes[place])
            if slope != 0 {
                let crossing = -value / slope
                let isAhead = (slope < 0) == (value > 0)
                if isAhead { high = min(high, crossing) } else { low = max(low, crossing) }
            }
            if !(value > 0) {
                values[place] = 0
                slopes[place] = 0
            }
        }
    }
}
