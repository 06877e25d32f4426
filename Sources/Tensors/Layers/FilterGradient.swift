import Kernels
import KernelsV3
import KernelsV4

extension Correlation {
    /// The elements of scratch memory that ``addFilterGradient(_:_:_:to:scratch:team:)`` needs.
    package static func filterGradientScratch(_ shape: ConvolutionShape) -> Int { FilterGradient(shape).scratch }

    /// gradient [filters, channels / groups, ...] += what the outputs' gradient gives the filters, summed in the order of the samples.
    package static func addFilterGradient(
        _ shape: ConvolutionShape, _ images: Tensor, _ outputGradient: Tensor, to gradient: MutableTensor, scratch: MutableTensor,
        team: Team
    ) {
        check(shape, images, gradient, outputGradient)
        precondition(scratch.count >= filterGradientScratch(shape), "\(scratch.count) elements of scratch")
        FilterGradient(shape).run(images.pointer, outputGradient.pointer, into: gradient.mutablePointer, scratch, team)
    }

    /// The kernel for this CPU; its meaning is documented in its source.
    fileprivate static let addTapProducts:
        @Sendable (
            UnsafePointer<Float>, Int, Int, Int, Int, UnsafePointer<Float>, UnsafePointer<Int32>, Int, Int, Int, Int, Int, Int,
            UnsafeMutablePointer<Float>, Int
        ) -> Void =
            switch InstructionSet.current {
            case .baseline: Kernels.addTapProducts
            case .v3: KernelsV3.addTapProducts
            case .v4: KernelsV4.addTapProducts
            }
}

/// The sums over samples and places that make a filter's gradient.
///
/// A run of samples is prepared by the team, then blocks of filters and taps go through it side by side.
private struct FilterGradient {
    let shape: ConvolutionShape
    private let layout: TapLayout
    /// A sample of the output's gradient laid out like the places, zeros between; 0 if it is read where it is.
    private let spread: Int
    /// The samples of a run.
    private let run: Int
    /// Samples whose gradients stay in the first-level cache while a block's taps pass by.
    private let near: Int
    /// The taps of a block.
    private static let block = 72

    init(_ shape: ConvolutionShape) {
        self.shape = shape
        layout = TapLayout(shape, wholeRows: true)
        let isWhole = layout.height * layout.width == shape.outputPlane
        spread = isWhole ? 0 : shape.filters * layout.width
        run = layout.prepared + spread == 0 ? max(1, shape.samples) : shape.places
        near = max(1, 1024 / max(shape.outputPlane, 1))
    }

    private var offsets: Int { TapLayout.wholeVectors(shape.taps) }

    var scratch: Int { offsets + run * (layout.prepared + spread) }

    func run(
        _ images: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>,
        _ scratch: MutableTensor, _ team: Team
    ) {
        let table = UnsafeMutableRawPointer(scratch.mutablePointer).bindMemory(to: Int32.self, capacity: shape.taps)
        layout.writeOffsets(table)
        let copies = scratch.mutablePointer + offsets
        let outputSample = shape.filters * shape.outputPlane
        for first in stride(from: 0, to: shape.samples, by: run) {
            let samples = min(run, shape.samples - first)
            let here = (
                images: images + first * shape.channels * shape.inputPlane,
                gradients: outputGradient + first * outputSample, copies: copies
            )
            let work = SharedPointers(here)
            if layout.prepared + spread > 0 {
                team.forEach(samples) { sample in
                    let (images, gradients, copies) = work.pointers
                    let room = copies + sample * layout.prepared
                    layout.clear(room)
                    _ = layout.prepare(images + sample * shape.channels * shape.inputPlane, in: room)
                    if spread > 0 { spreadGradient(gradients + sample * outputSample, copies + run * layout.prepared + sample * spread) }
                }
            }
            add(
                samples, layout.prepared > 0 ? UnsafePointer(copies) : here.images, table,
                spread > 0 ? UnsafePointer(copies + run * layout.prepared) : here.gradients, gradient, team)
        }
    }

    /// target [filters, width]: the gradient's rows as far apart as those of the places.
    private func spreadGradient(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>) {
        target.update(repeating: 0, count: spread)
        let isUnfolded = layout.preparation == .unfolding
        let (height, width) = isUnfolded ? (1, shape.outputPlane) : (shape.rows.count, shape.columns.count)
        for filter in 0..<shape.filters {
            for row in 0..<height {
                (target + filter * layout.width + row * layout.stride).update(
                    from: source + filter * shape.outputPlane + row * width, count: width)
            }
        }
    }

    /// gradient += the products of a run's samples.
    private func add(
        _ samples: Int, _ images: UnsafePointer<Float>, _ table: UnsafePointer<Int32>, _ gradients: UnsafePointer<Float>,
        _ gradient: UnsafeMutablePointer<Float>, _ team: Team
    ) {
        let (taps, groupFilters) = (shape.taps, shape.groupFilters)
        let filterBlocks = (groupFilters + 3) / 4
        let tapBlocks = (taps + Self.block - 1) / Self.block
        let plane = spread > 0 ? layout.width : shape.outputPlane
        let work = SharedPointers((images, table, gradients, gradient))
        team.forEach(shape.groups * filterBlocks * tapBlocks) { piece in
            let (images, table, gradients, gradient) = work.pointers
            let group = piece / (filterBlocks * tapBlocks)
            let filter = piece / tapBlocks % filterBlocks * 4
            let tap = piece % tapBlocks * Self.block
            for first in stride(from: 0, to: samples, by: near) {
                Correlation.addTapProducts(
                    gradients + (first * shape.filters + group * groupFilters + filter) * plane, plane, layout.width,
                    shape.filters * plane, min(4, groupFilters - filter), images + first * layout.sampleStep + group * layout.groupStep,
                    table + tap, min(Self.block, taps - tap), layout.stride, layout.sampleStep, layout.height, layout.width,
                    min(near, samples - first), gradient + (group * groupFilters + filter) * taps + tap, taps)
            }
        }
    }
}
