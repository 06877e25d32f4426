import Kernels
import KernelsV3
import KernelsV4

/// Convolutions of images and their gradients. Samples run side by side; the bits depend on the shapes alone.
package enum Correlation {
    /// The elements of scratch memory that ``forward(_:_:filters:bias:into:scratch:team:)`` needs.
    package static func forwardScratch(_ shape: ConvolutionShape) -> Int { PanelCorrelation(shape) == nil ? Pass(shape).scratch : 0 }

    /// output [samples, filters, ...] = the images under each filter + bias.
    package static func forward(
        _ shape: ConvolutionShape, _ images: Tensor, filters: Tensor, bias: Tensor?, into output: MutableTensor, scratch: MutableTensor,
        team: Team
    ) {
        check(shape, images, filters, output)
        if let panels = PanelCorrelation(shape) {
            precondition((bias?.count ?? shape.filters) == shape.filters, "bias of another shape")
            return panels.run(images.pointer, filters: filters.pointer, bias: bias?.pointer, into: output.mutablePointer, team: team)
        }
        let pass = Pass(shape)
        precondition(scratch.count >= pass.scratch && (bias?.count ?? shape.filters) == shape.filters, "scratch or bias of another shape")
        let weights = pass.weights(scratch)
        let (groupFilters, taps) = (shape.groupFilters, shape.taps)
        for group in 0..<shape.groups {
            let block = weights + group * pass.rows * taps
            let source = filters.pointer + group * groupFilters * taps
            FilterBlocks.write(rows: groupFilters, taps: taps, to: block) { row, tap in source[row &* taps &+ tap] }
            let starts = pass.starts(scratch) + group * pass.rows
            starts.update(repeating: 0, count: pass.rows)
            if let bias { starts.update(from: bias.pointer + group * groupFilters, count: groupFilters) }
        }
        pass.run(images.pointer, into: output.mutablePointer, .overwrite, scratch, team)
    }

    /// The elements of scratch memory that ``addImageGradient(_:_:filters:to:scratch:team:)`` needs.
    package static func imageGradientScratch(_ shape: ConvolutionShape) -> Int {
        if let mirrored = mirrored(shape) { return Pass(mirrored).scratch }
        return FoldedGradient(shape).scratch
    }

    /// gradient [samples, channels, ...] = or += what the outputs' gradient gives the images.
    package static func addImageGradient(
        _ shape: ConvolutionShape, _ outputGradient: Tensor, filters: Tensor, to gradient: MutableTensor, _ target: Product.Target = .add,
        scratch: MutableTensor,
        team: Team
    ) {
        check(shape, gradient, filters, outputGradient)
        precondition(scratch.count >= imageGradientScratch(shape), "\(scratch.count) elements of scratch")
        guard let mirrored = mirrored(shape) else {
            if target == .overwrite { gradient.fill(0) }
            return FoldedGradient(shape).run(outputGradient.pointer, filters.pointer, into: gradient.mutablePointer, scratch, team)
        }
        let pass = Pass(mirrored)
        let (kernel, groupFilters) = (shape.kernel, shape.groupFilters)
        for group in 0..<shape.groups {
            let source = filters.pointer + group * groupFilters * shape.taps
            // The filters turned round, and outputs and channels in each other's places.
            FilterBlocks.write(
                rows: shape.groupChannels, taps: mirrored.taps, to: pass.weights(scratch) + group * pass.rows * mirrored.taps
            ) {
                channel, tap in
                let filter = tap / kernel
                return source[filter &* shape.taps &+ channel &* kernel &+ (kernel &- 1 &- (tap &- filter &* kernel))]
            }
        }
        if target == .overwrite { pass.starts(scratch).update(repeating: 0, count: shape.groups * pass.rows) }
        pass.run(outputGradient.pointer, into: gradient.mutablePointer, target, scratch, team)
    }

    /// The convolution of the output's gradient that gives the images' gradient; nil if the windows skip positions.
    private static func mirrored(_ shape: ConvolutionShape) -> ConvolutionShape? {
        func axis(_ axis: WindowAxis) -> WindowAxis? {
            let padding = axis.dilation * (axis.kernel - 1) - axis.padding
            guard axis.stride == 1, padding >= 0 else { return nil }
            return WindowAxis(length: axis.count, kernel: axis.kernel, padding: padding, dilation: axis.dilation)
        }
        guard let rows = axis(shape.rows), let columns = axis(shape.columns) else { return nil }
        return ConvolutionShape(
            samples: shape.samples, channels: shape.filters, filters: shape.channels, groups: shape.groups, rows: rows, columns: columns)
    }

    static func check(_ shape: ConvolutionShape, _ images: Tensor, _ filters: Tensor, _ output: Tensor) {
        precondition(
            images.count == shape.samples * shape.channels * shape.inputPlane && filters.count == shape.filters * shape.taps
                && output.count == shape.samples * shape.filters * shape.outputPlane,
            "\(images.shape), \(filters.shape), \(output.shape) in a convolution of other shapes")
    }

    /// The kernel for this CPU; its meaning is documented in its source.
    static let correlate:
        @Sendable (
            UnsafePointer<Float>, UnsafePointer<Int32>, Int, UnsafePointer<Float>, Int, UnsafePointer<Float>?, Int, Int, Int,
            UnsafeMutablePointer<Float>
        ) -> Void =
            switch InstructionSet.current {
            case .baseline: Kernels.correlate
            case .v3: KernelsV3.correlate
            case .v4: KernelsV4.correlate
            }
}

/// Filters as the kernel reads them: rows in blocks of four, [block, tap, 4], zeros after the last row.
enum FilterBlocks {
    /// `rows` up to a whole number of blocks.
    static func rows(_ rows: Int) -> Int { (rows + 3) / 4 * 4 }

    @inline(__always)
    static func write(rows: Int, taps: Int, to target: UnsafeMutablePointer<Float>, _ element: (_ row: Int, _ tap: Int) -> Float) {
        for block in stride(from: 0, to: rows, by: 4) {
            for tap in 0..<taps {
                let four = target + block * taps + tap * 4
                for row in 0..<4 { four[row] = block + row < rows ? element(block + row, tap) : 0 }
            }
        }
    }
}

extension ConvolutionShape {
    /// The places for prepared samples: piece i of as many works on the samples i, i + places, ... in place i. Large samples get few.
    var places: Int { max(1, min(samples, 32, (1 << 21) / (channels * inputPlane + filters * outputPlane))) }
}

/// One correlation of all samples with filters of all groups.
private struct Pass {
    let shape: ConvolutionShape
    let layout: TapLayout
    let rows: Int
    private let places: Int

    init(_ shape: ConvolutionShape) {
        self.shape = shape
        layout = TapLayout(shape)
        rows = FilterBlocks.rows(shape.groupFilters)
        places = layout.preparation == .none ? max(1, shape.samples) : shape.places
    }

    private var offsets: Int { TapLayout.wholeVectors(shape.taps) }
    private var filters: Int { shape.groups * rows * shape.taps }
    private var startCount: Int { TapLayout.wholeVectors(shape.groups * rows) }

    var scratch: Int { offsets + filters + startCount + places * layout.prepared }

    func weights(_ scratch: MutableTensor) -> UnsafeMutablePointer<Float> { scratch.mutablePointer + offsets }
    func starts(_ scratch: MutableTensor) -> UnsafeMutablePointer<Float> { scratch.mutablePointer + offsets + filters }

    /// Runs the kernel for every sample and group; the weights, and unless it adds the starts, have been written.
    func run(
        _ images: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, _ target: Product.Target, _ scratch: MutableTensor,
        _ team: Team
    ) {
        let table = UnsafeMutableRawPointer(scratch.mutablePointer).bindMemory(to: Int32.self, capacity: shape.taps)
        layout.writeOffsets(table)
        let work = SharedPointers((images, output, table))
        team.forEach(places) { place in
            let (images, output, table) = work.pointers
            let room = starts(scratch) + startCount + place * layout.prepared
            layout.clear(room)
            for sample in stride(from: place, to: shape.samples, by: places) {
                let source = layout.prepare(images + sample * shape.channels * shape.inputPlane, in: room)
                for group in 0..<shape.groups {
                    Correlation.correlate(
                        source + group * layout.groupStep, table, shape.taps, weights(scratch) + group * rows * shape.taps,
                        shape.groupFilters, target == .overwrite ? UnsafePointer(starts(scratch) + group * rows) : nil, layout.height,
                        layout.width, layout.stride,
                        output + (sample * shape.filters + group * shape.groupFilters) * shape.outputPlane)
                }
            }
        }
    }
}

/// The images' gradient by way of each tap's gradient, folded: for windows that leave places out.
private struct FoldedGradient {
    let shape: ConvolutionShape
    private let layout: TapLayout
    private let rows: Int
    private let places: Int

    init(_ shape: ConvolutionShape) {
        self.shape = shape
        // Each tap's gradient is a product with the output's: a filter of one place on images of one row.
        layout = TapLayout(
            ConvolutionShape(
                samples: shape.samples, channels: shape.filters, filters: shape.channels * shape.kernel, groups: shape.groups,
                rows: WindowAxis(length: 1, kernel: 1), columns: WindowAxis(length: shape.outputPlane, kernel: 1)))
        rows = FilterBlocks.rows(shape.taps)
        places = shape.places
    }

    private var offsets: Int { TapLayout.wholeVectors(shape.groupFilters) }
    private var filters: Int { shape.groups * rows * shape.groupFilters }
    private var starts: Int { TapLayout.wholeVectors(rows) }
    private var tapGradients: Int { TapLayout.wholeVectors(shape.channels * shape.kernel * shape.outputPlane) }

    var scratch: Int { offsets + filters + starts + places * (layout.prepared + tapGradients) }

    func run(
        _ outputGradient: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>,
        _ scratch: MutableTensor, _ team: Team
    ) {
        let (taps, groupFilters) = (shape.taps, shape.groupFilters)
        let table = UnsafeMutableRawPointer(scratch.mutablePointer).bindMemory(to: Int32.self, capacity: groupFilters)
        layout.writeOffsets(table)
        let blocks = scratch.mutablePointer + offsets
        for group in 0..<shape.groups {
            let source = weights + group * groupFilters * taps
            FilterBlocks.write(rows: taps, taps: groupFilters, to: blocks + group * rows * groupFilters) { tap, filter in
                source[filter &* taps &+ tap]
            }
        }
        let zeros = blocks + filters
        zeros.update(repeating: 0, count: rows)
        let work = SharedPointers((outputGradient, gradient, table, blocks, zeros))
        team.forEach(places) { place in
            let (outputGradient, gradient, table, blocks, zeros) = work.pointers
            let room = zeros + starts + place * (layout.prepared + tapGradients)
            let spread = room + layout.prepared
            layout.clear(room)
            for sample in stride(from: place, to: shape.samples, by: places) {
                let source = layout.prepare(outputGradient + sample * shape.filters * shape.outputPlane, in: room)
                for group in 0..<shape.groups {
                    Correlation.correlate(
                        source + group * layout.groupStep, table, groupFilters, blocks + group * rows * groupFilters, taps,
                        UnsafePointer(zeros), layout.height, layout.width, layout.stride, spread + group * taps * shape.outputPlane)
                }
                Unfolding.fold(spread, shape, addingTo: gradient + sample * shape.channels * shape.inputPlane)
            }
        }
    }
}
