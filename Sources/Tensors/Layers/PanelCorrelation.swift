import KernelsV4

/// Convolutions as products of the filters with panels of places, which run over all samples: images of few places cost no more by the
/// place than large ones. What each tap reads is written into the panels directly from the images.
struct PanelCorrelation: Sendable {
    private let shape: ConvolutionShape
    private let places: Int
    /// The filters that the kernel computes at a time, and the places.
    private static let height = 8
    static let width = KernelsV4.panelWidth()
    /// The taps that are copied at once: a panel of them stays in the first-level cache.
    private static let depth = 256
    /// Four panels stay in the second-level cache.
    private static let chunk = 4 * width

    /// Nil where the kernel for single places, ``Correlation``, is better: few filters, few places, or a CPU without AVX-512.
    ///
    /// The answer does not depend on the kernel's size.
    init?(_ shape: ConvolutionShape) {
        let (places, overflow) = shape.samples.multipliedReportingOverflow(by: shape.outputPlane)
        guard InstructionSet.current == .v4, !overflow, shape.groupFilters >= 4 * Self.height, places >= Self.width else {
            return nil
        }
        self.shape = shape
        self.places = places
    }

    /// output [samples, filters, ...] = the images under each filter + bias.
    func run(
        _ images: UnsafePointer<Float>, filters: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        into output: UnsafeMutablePointer<Float>, team: Team
    ) {
        let chunks = (places + Self.chunk - 1) / Self.chunk
        let work = SharedPointers((images, filters, output))
        let start = bias.map { SharedPointers($0) }
        team.forEach(shape.groups * chunks) { piece in
            let (images, filters, output) = work.pointers
            let first = piece % chunks * Self.chunk
            compute(
                piece / chunks, first..<min(first + Self.chunk, places), images, filters, start?.pointers, output)
        }
    }

    /// One chunk of places under the filters of one group.
    private func compute(
        _ group: Int, _ range: Range<Int>, _ images: UnsafePointer<Float>, _ filters: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
        _ output: UnsafeMutablePointer<Float>
    ) {
        let (width, depth, height) = (Self.width, Self.depth, Self.height)
        let (taps, count) = (shape.taps, shape.groupFilters)
        let weights = filters + group * count * taps
        let end = images + shape.samples * shape.channels * shape.inputPlane
        let source = images + group * shape.groupChannels * shape.inputPlane
        let panels = stride(from: range.lowerBound, to: range.upperBound, by: width).map { first in
            PlacePanel(shape, first..<min(first + width, range.upperBound))
        }
        // A line's last vector may reach into the next line.
        let size = depth * width + width
        let room = Buffer<Float>(uninitialized: panels.count * size + height * width)
        let edge = room.base + panels.count * size
        for first in stride(from: 0, to: taps, by: depth) {
            let part = first..<min(first + depth, taps)
            for (index, panel) in panels.enumerated() {
                KernelsV4.writeTaps(
                    source, end, shape.inputPlane, part, shape.kernel, panel.runs.base, panel.starts.base, shape.columns.stride,
                    room.base + index * size)
            }
            for row in stride(from: 0, to: count, by: height) {
                // The last filters are computed together with some before them.
                let begin = min(row, count - height)
                for (index, panel) in panels.enumerated() {
                    let rows = weights + begin * taps + first
                    let copy = UnsafePointer(room.base + index * size)
                    if begin == row, let place = panel.whole {
                        let target = output + group * count * shape.outputPlane + place + begin * shape.outputPlane
                        if first == 0, let bias {
                            for own in 0..<height {
                                (target + own * shape.outputPlane).update(repeating: bias[group * count + begin + own], count: width)
                            }
                        }
                        KernelsV4.multiplyPanel(
                            rows, taps, part.count, copy, target, shape.outputPlane, first > 0 || bias != nil)
                        continue
                    }
                    KernelsV4.multiplyPanel(rows, taps, part.count, copy, edge, width, false)
                    for piece in panel.pieces {
                        for own in row - begin..<height {
                            let filter = group * count + begin + own
                            let target = output + piece.output + filter * shape.outputPlane
                            let sums = edge + own * width + piece.first
                            let initial = first == 0 ? bias?[filter] ?? 0 : 0
                            for place in 0..<piece.count {
                                target[place] = (first == 0 ? initial : target[place]) + sums[place]
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Up to a panel's width of places, counted through all samples, and what the positions of a filter read of them.
private struct PlacePanel {
    /// Places of one sample: the first in the panel, their number, and where the sample's first filter has the first of them.
    struct Piece {
        let first: Int
        let count: Int
        let output: Int
    }

    /// As ``KernelsV4/writeTaps(_:_:_:_:_:_:_:_:_:)`` reads them.
    let runs: Buffer<Int>
    let starts: Buffer<Int>
    let pieces: [Piece]
    /// Where the first filter has the first place, if the panel is full and of one sample.
    let whole: Int?

    init(_ shape: ConvolutionShape, _ places: Range<Int>) {
        let (rows, columns, plane) = (shape.rows, shape.columns, shape.outputPlane)
        // Places of one row of one sample: the first in the panel, the sample, the row, the columns.
        var lines: [(first: Int, sample: Int, row: Int, columns: Range<Int>)] = []
        var pieces: [Piece] = []
        var place = places.lowerBound
        while place < places.upperBound {
            let (sample, within) = place.quotientAndRemainder(dividingBy: plane)
            let (row, column) = within.quotientAndRemainder(dividingBy: columns.count)
            let count = min(columns.count - column, places.upperBound - place)
            lines.append((place - places.lowerBound, sample, row, column..<column + count))
            if column == 0 && row == 0 || pieces.isEmpty {
                pieces.append(
                    Piece(
                        first: place - places.lowerBound, count: min(plane - within, places.upperBound - place),
                        output: sample * shape.filters * plane + within))
            }
            place += count
        }
        self.pieces = pieces
        whole = pieces.count == 1 && places.count == PanelCorrelation.width ? pieces[0].output : nil
        runs = Buffer(uninitialized: 3 * shape.kernel * lines.count)
        starts = Buffer(uninitialized: shape.kernel + 1)
        var next = 0
        for down in 0..<rows.kernel {
            let covered = rows.windows(reaching: down)
            for across in 0..<columns.kernel {
                starts.base[down * columns.kernel + across] = next
                let reached = columns.windows(reaching: across)
                for line in lines where covered.contains(line.row) {
                    let run = line.columns.clamped(to: reached)
                    guard !run.isEmpty else { continue }
                    let image = (rows.start(line.row) + down * rows.dilation) * columns.length
                    runs.base[3 * next] =
                        line.sample * shape.channels * shape.inputPlane + image + columns.start(run.lowerBound)
                        + across * columns.dilation
                    runs.base[3 * next + 1] = line.first + run.lowerBound - line.columns.lowerBound
                    runs.base[3 * next + 2] = run.count
                    next += 1
                }
            }
        }
        starts.base[shape.kernel] = next
    }
}
