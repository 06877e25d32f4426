import Kernels
import KernelsV3

/// Largest and mean values of windows over images [samples, channels, rows, columns]; planes run side by side.
package enum Pooling {
    /// The windows of means along one side.
    package enum Means: Sendable {
        /// They slide, and numbers in the padding count as zeros.
        case countingPadding(WindowAxis)
        /// They slide, and only numbers of the image count.
        case ignoringPadding(WindowAxis)
        /// They share out `length` places: window i of `count` covers floor(i length / count) ..< ceil((i + 1) length / count).
        case shares(length: Int, count: Int)

        var length: Int {
            switch self {
            case .countingPadding(let axis), .ignoringPadding(let axis): axis.length
            case .shares(let length, _): length
            }
        }

        var count: Int {
            switch self {
            case .countingPadding(let axis), .ignoringPadding(let axis): axis.count
            case .shares(_, let count): count
            }
        }

        /// The places of a window inside the image and the number of places that count.
        @inline(__always)
        func window(_ index: Int) -> (places: Range<Int>, counted: Int) {
            switch self {
            case .countingPadding(let axis):
                let start = axis.start(index)
                let end = min(start + axis.kernel, axis.length + axis.padding)
                return (Self.clipped(start, end, axis.length), end - start)
            case .ignoringPadding(let axis):
                let start = axis.start(index)
                let places = Self.clipped(start, start + axis.kernel, axis.length)
                return (places, places.count)
            case .shares(let length, let count):
                let places = index * length / count..<((index + 1) * length + count - 1) / count
                return (places, places.count)
            }
        }

        private static func clipped(_ start: Int, _ end: Int, _ length: Int) -> Range<Int> {
            let first = min(max(start, 0), length)
            return first..<max(first, min(end, length))
        }
    }

    /// Calls `body` for each plane with its first element in the images and in the pooled images.
    static func forEachPlane(
        _ planes: Int, _ inputPlane: Int, _ outputPlane: Int, _ team: Team, _ body: @Sendable (_ input: Int, _ output: Int) -> Void
    ) {
        team.forEach(planes, step: max(1, (1 << 14) / max(inputPlane, 1))) { range in
            for plane in range { body(plane * inputPlane, plane * outputPlane) }
        }
    }

    static func check(_ images: Tensor, _ pooled: Tensor, _ rows: Means, _ columns: Means) -> (planes: Int, input: Int, output: Int) {
        let (input, output) = (rows.length * columns.length, rows.count * columns.count)
        let planes = images.count / input
        precondition(images.count == planes * input && pooled.count == planes * output, "\(images.shape) to \(pooled.shape)")
        return (planes, input, output)
    }

    /// output = the mean of each window; zero for windows without a place.
    package static func means(_ images: Tensor, rows: Means, columns: Means, into output: MutableTensor, team: Team) {
        let sizes = check(images, output, rows, columns)
        let width = columns.length
        forEachPlane(sizes.planes, sizes.input, sizes.output, team) { first, target in
            let plane = images.pointer + first
            var next = output.mutablePointer + target
            for row in 0..<rows.count {
                let down = rows.window(row)
                for column in 0..<columns.count {
                    let across = columns.window(column)
                    var sum: Float = 0
                    if across.places.count == width {
                        let start = plane + down.places.lowerBound * width
                        let count = down.places.count * width
                        sum = Float(Elementwise.isWide ? KernelsV3.sum(start, count) : Kernels.sum(start, count))
                    } else {
                        for y in down.places {
                            for x in across.places { sum += plane[y &* width &+ x] }
                        }
                    }
                    next.pointee = down.places.isEmpty || across.places.isEmpty ? 0 : sum / Float(down.counted * across.counted)
                    next += 1
                }
            }
        }
    }

    /// gradient += the share of each window's gradient that each of its places has.
    package static func addMeanGradient(_ outputGradient: Tensor, rows: Means, columns: Means, to gradient: MutableTensor, team: Team) {
        let sizes = check(gradient, outputGradient, rows, columns)
        let width = columns.length
        forEachPlane(sizes.planes, sizes.input, sizes.output, team) { first, source in
            let plane = gradient.mutablePointer + first
            var next = outputGradient.pointer + source
            for row in 0..<rows.count {
                let down = rows.window(row)
                for column in 0..<columns.count {
                    let across = columns.window(column)
                    let share = next.pointee / Float(max(down.counted * across.counted, 1))
                    next += 1
                    for y in down.places {
                        for x in across.places { plane[y &* width &+ x] += share }
                    }
                }
            }
        }
    }
}
