import Kernels
import KernelsV3

/// The sizes of a convolution: images [samples, channels, rows, columns] under filters [filters, channels / groups, kernel rows,
/// kernel columns].
package struct ConvolutionShape: Sendable {
    package let samples: Int
    package let channels: Int
    package let filters: Int
    package let groups: Int
    /// From the top to the bottom.
    package let rows: WindowAxis
    /// From the left to the right.
    package let columns: WindowAxis

    /// - Precondition: `groups` divides `channels` and `filters`.
    package init(samples: Int, channels: Int, filters: Int, groups: Int, rows: WindowAxis, columns: WindowAxis) {
        precondition(groups > 0 && channels % groups == 0 && filters % groups == 0, "\(groups) groups of \(channels) and \(filters)")
        self.samples = samples
        self.channels = channels
        self.filters = filters
        self.groups = groups
        self.rows = rows
        self.columns = columns
    }

    var groupChannels: Int { channels / groups }
    var groupFilters: Int { filters / groups }
    /// The elements of one filter's plane.
    var kernel: Int { rows.kernel * columns.kernel }
    /// The elements of one filter.
    var taps: Int { groupChannels * kernel }
    /// The elements of one channel of the input and of the output.
    var inputPlane: Int { rows.length * columns.length }
    var outputPlane: Int { rows.count * columns.count }

    /// Calls `body` for each row of each tap's places inside the image: the output's row and first column, the image's row and first
    /// column, the number of places. Taps count the channels' elements: (channel * kernel rows + row) * kernel columns + column.
    @inline(__always)
    func forEachRun(_ body: (_ tap: Int, _ row: Int, _ columns: Range<Int>, _ imageRow: Int, _ imageColumn: Int) -> Void) {
        for down in 0..<rows.kernel {
            let covered = rows.windows(reaching: down)
            for across in 0..<columns.kernel {
                let run = columns.windows(reaching: across)
                guard !run.isEmpty else { continue }
                let imageColumn = columns.start(run.lowerBound) + across * columns.dilation
                for row in covered {
                    body(down * columns.kernel + across, row, run, rows.start(row) + down * rows.dilation, imageColumn)
                }
            }
        }
    }
}

/// Images laid out so that every tap of a filter reads consecutive places.
enum Unfolding {
    /// target [channels, rows + 2 padding, columns + 2 padding]: the image is written inside, the padding is not touched.
    static func pad(_ image: UnsafePointer<Float>, _ shape: ConvolutionShape, into target: UnsafeMutablePointer<Float>) {
        let (height, width) = (shape.rows.length, shape.columns.length)
        let (top, left) = (shape.rows.padding, shape.columns.padding)
        let (paddedHeight, paddedWidth) = (height + 2 * top, width + 2 * left)
        for channel in 0..<shape.channels {
            let source = image + channel * height * width
            let plane = target + (channel * paddedHeight + top) * paddedWidth + left
            for row in 0..<height { (plane + row * paddedWidth).update(from: source + row * width, count: width) }
        }
    }

    /// target [channels * kernel, places], rows `stride` apart: the numbers under each tap at every place, zero in the padding and
    /// after the rows.
    static func unfold(
        _ image: UnsafePointer<Float>, _ shape: ConvolutionShape, into target: UnsafeMutablePointer<Float>, stride: Int
    ) {
        target.update(repeating: 0, count: shape.channels * shape.kernel * stride)
        let width = shape.columns.count
        let step = shape.columns.stride
        for channel in 0..<shape.channels {
            let source = image + channel * shape.inputPlane
            let rows = target + channel * shape.kernel * stride
            shape.forEachRun { tap, row, run, imageRow, imageColumn in
                let from = source + (imageRow * shape.columns.length + imageColumn)
                let to = rows + (tap * stride + row * width + run.lowerBound)
                if step == 1 {
                    to.update(from: from, count: run.count)
                } else {
                    for place in 0..<run.count { to[place] = from[place &* step] }
                }
            }
        }
    }

    /// image += the places of every tap, [channels * kernel, places]: what ``unfold(_:_:into:stride:)`` spread out, gathered again.
    static func fold(_ taps: UnsafePointer<Float>, _ shape: ConvolutionShape, addingTo image: UnsafeMutablePointer<Float>) {
        let width = shape.columns.count
        let step = shape.columns.stride
        for channel in 0..<shape.channels {
            let target = image + channel * shape.inputPlane
            let rows = taps + channel * shape.kernel * shape.outputPlane
            shape.forEachRun { tap, row, run, imageRow, imageColumn in
                let from = rows + (tap * shape.outputPlane + row * width + run.lowerBound)
                let to = target + (imageRow * shape.columns.length + imageColumn)
                if step == 1 {
                    Elementwise.isWide ? KernelsV3.addInPlace(from, to, run.count) : Kernels.addInPlace(from, to, run.count)
                } else {
                    for place in 0..<run.count { to[place &* step] += from[place] }
                }
            }
        }
    }
}
