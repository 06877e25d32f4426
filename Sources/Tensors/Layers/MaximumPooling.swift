import Kernels
import KernelsV3

extension Pooling {
    private typealias Numbers = UnsafePointer<Float>

    /// The windows of one row of outputs in a plane.
    private struct Line {
        let columns: WindowAxis
        /// The first row of the plane that the windows reach, and the number of rows.
        let top: Int
        let height: Int
        let dilation: Int
        /// Outputs whose windows are horizontally inside the plane, a multiple of eight that can be computed eight at a time.
        let eights: Range<Int>

        init(_ rows: WindowAxis, _ columns: WindowAxis, _ row: Int) {
            self.columns = columns
            dilation = rows.dilation
            top = rows.firstPlace(row)
            let bottom = min(rows.length, rows.end(row))
            height = top < bottom ? (bottom - 1 - top) / dilation + 1 : 0
            let first = (columns.padding + columns.stride - 1) / columns.stride
            // Vectors of every second number read one more.
            let room =
                columns.length + columns.padding - WindowAxis.extent(kernel: columns.kernel, dilation: columns.dilation)
                - (columns.stride - 1)
            let last = columns.stride <= 2 && height > 0 && room >= 0 ? min(columns.count, room / columns.stride + 1) : 0
            eights = first..<max(first, first + max(0, last - first) / 8 * 8)
        }

        /// The place of a window's largest number: the first of equals, or the last that is not a number; -1 if it has no place.
        @inline(__always)
        func largest(_ plane: Numbers, _ column: Int) -> Int {
            let left = columns.firstPlace(column)
            let right = min(columns.length, columns.end(column))
            var place = -1
            var value: Float = 0
            for step in 0..<height {
                let line = (top &+ step &* dilation) &* columns.length
                var x = left
                while x < right {
                    let candidate = plane[line &+ x]
                    if place < 0 || candidate > value || candidate.isNaN { (place, value) = (line &+ x, candidate) }
                    x &+= columns.dilation
                }
            }
            return place
        }

        /// Where the windows of an output begin in the plane.
        func start(_ column: Int) -> Int { top * columns.length + columns.start(column) }

        func writeEight(_ plane: Numbers, _ column: Int, _ out: UnsafeMutablePointer<Float>) {
            let (first, down) = (plane + start(column), dilation * columns.length)
            Elementwise.isWide
                ? KernelsV3.maximaOfEight(first, height, down, columns.kernel, columns.dilation, columns.stride, out)
                : Kernels.maximaOfEight(first, height, down, columns.kernel, columns.dilation, columns.stride, out)
        }

        func addEight(_ plane: Numbers, _ column: Int, _ gradient: Numbers, _ target: UnsafeMutablePointer<Float>) {
            let (first, down, place) = (plane + start(column), dilation * columns.length, target + start(column))
            Elementwise.isWide
                ? KernelsV3.addToMaximaOfEight(first, height, down, columns.kernel, columns.dilation, columns.stride, gradient, place)
                : Kernels.addToMaximaOfEight(first, height, down, columns.kernel, columns.dilation, columns.stride, gradient, place)
        }
    }

    /// Whether all windows are complete adjacent squares of two by two.
    private static func areSquares(_ rows: WindowAxis, _ columns: WindowAxis) -> Bool {
        [rows, columns].allSatisfy {
            $0.kernel == 2 && $0.stride == 2 && $0.padding == 0 && $0.dilation == 1 && 2 * $0.count <= $0.length
        }
    }

    /// output = the largest number of each window, not a number if one is not; minus infinity for windows without a place.
    package static func maxima(_ images: Tensor, rows: WindowAxis, columns: WindowAxis, into output: MutableTensor, team: Team) {
        let sizes = check(images, output, .ignoringPadding(rows), .ignoringPadding(columns))
        let areSquares = areSquares(rows, columns)
        forEachPlane(sizes.planes, sizes.input, sizes.output, team) { first, target in
            let plane = images.pointer + first
            for row in 0..<rows.count {
                let out = output.mutablePointer + (target + row * columns.count)
                if areSquares {
                    let top = plane + 2 * row * columns.length
                    let bottom = top + columns.length
                    Elementwise.isWide
                        ? KernelsV3.maximaOfSquares(top, bottom, out, columns.count)
                        : Kernels.maximaOfSquares(top, bottom, out, columns.count)
                    continue
                }
                let line = Line(rows, columns, row)
                var column = 0
                while column < columns.count {
                    if line.eights.contains(column) {
                        line.writeEight(plane, column, out + column)
                        column += 8
                    } else {
                        let place = line.largest(plane, column)
                        out[column] = place < 0 ? -.infinity : plane[place]
                        column += 1
                    }
                }
            }
        }
    }

    /// gradient = or += each window's gradient at the place of its largest number.
    package static func addMaximumGradient(
        _ images: Tensor, _ outputGradient: Tensor, rows: WindowAxis, columns: WindowAxis, to gradient: MutableTensor,
        _ overwriting: Product.Target = .add, team: Team
    ) {
        let sizes = check(images, outputGradient, .ignoringPadding(rows), .ignoringPadding(columns))
        precondition(gradient.count == images.count, "\(gradient.shape) for \(images.shape)")
        let areSquares = areSquares(rows, columns)
        forEachPlane(sizes.planes, sizes.input, sizes.output, team) { first, source in
            let plane = images.pointer + first
            let target = gradient.mutablePointer + first
            if overwriting == .overwrite { target.update(repeating: 0, count: sizes.input) }
            for row in 0..<rows.count {
                let given = outputGradient.pointer + (source + row * columns.count)
                if areSquares {
                    let top = 2 * row * columns.length
                    let bottom = top + columns.length
                    Elementwise.isWide
                        ? KernelsV3.addToMaximaOfSquares(
                            plane + top, plane + bottom, given, target + top, target + bottom, columns.count)
                        : Kernels.addToMaximaOfSquares(plane + top, plane + bottom, given, target + top, target + bottom, columns.count)
                    continue
                }
                let line = Line(rows, columns, row)
                var column = 0
                while column < columns.count {
                    if line.eights.contains(column) {
                        line.addEight(plane, column, given + column, target)
                        column += 8
                    } else {
                        let place = line.largest(plane, column)
                        if place >= 0 { target[place] += given[column] }
                        column += 1
                    }
                }
            }
        }
    }
}
