import Kernels
import KernelsV3

/// Layer norm and RMS norm over the last dimension.
package enum Normalization {
    /// Which moments of a row are set to 0 and 1.
    package enum Kind: Sendable, Hashable {
        /// Mean and variance; then times the weight, plus the bias.
        case layer
        /// The mean of the squares; then times (offset + weight).
        case rootMeanSquare(offset: Float)
    }

    /// target = the normalised rows of `source`.
    ///
    /// - Parameters:
    ///   - weight: [width]; none for a layer norm without one.
    ///   - bias: [width]; layer norms only.
    package static func apply(
        _ kind: Kind, epsilon: Float, to source: Tensor, weight: Tensor?, bias: Tensor?, into target: MutableTensor, team: Team
    ) {
        let width = source.width
        precondition(source.count == target.count && fits(weight, width) && fits(bias, width), "\(source.shape) into \(target.shape)")
        team.forEach(source.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let x = source.pointer + row * width
                let y = target.mutablePointer + row * width
                let (w, b) = (reading(weight), reading(bias))
                switch kind {
                case .layer:
                    Elementwise.isWide ? KernelsV3.layerNorm(x, width, epsilon, w, b, y) : Kernels.layerNorm(x, width, epsilon, w, b, y)
                case .rootMeanSquare(let offset):
                    guard let w else { preconditionFailure("an RMS norm without a weight") }
                    Elementwise.isWide
                        ? KernelsV3.rootMeanSquareNorm(x, width, epsilon, w, offset, y)
                        : Kernels.rootMeanSquareNorm(x, width, epsilon, w, offset, y)
                }
            }
        }
    }

    /// The elements of scratch memory that ``addGradients`` needs.
    package static func gradientScratch(rows: Int, width: Int) -> Int { 2 * width * pieces(rows: rows) }

    /// Adds the gradients of a normalisation to those that are not nil.
    ///
    /// The parameters' gradients are summed in up to 32 pieces of the rows, which are then added in their order.
    package static func addGradients(
        _ kind: Kind, epsilon: Float, at source: Tensor, weight: Tensor?, outputGradient: Tensor, to gradient: MutableTensor?,
        weightGradient: MutableTensor?, biasGradient: MutableTensor?, scratch: MutableTensor, team: Team
    ) {
        let (rows, width) = (source.rows, source.width)
        let pieces = pieces(rows: rows)
        precondition(
            outputGradient.count == source.count && gradient.map { $0.count == source.count } ?? true && fits(weight, width)
                && fits(weightGradient, width) && fits(biasGradient, width) && scratch.count >= 2 * width * pieces,
            "\(source.shape), \(outputGradient.shape), scratch \(scratch.count)")
        guard rows > 0 else { return }
        let step = (rows + pieces - 1) / pieces
        team.forEach(pieces) { piece in
            let sums = scratch.mutablePointer + piece * 2 * width
            sums.update(repeating: 0, count: 2 * width)
            let weightSums = weightGradient == nil ? nil : sums
            let biasSums = biasGradient == nil ? nil : sums + width
            let last = min(rows, (piece + 1) * step)
            for row in min(piece * step, last)..<last {
                let x = source.pointer + row * width
                let dy = outputGradient.pointer + row * width
                let dx = gradient.map { $0.mutablePointer + row * width }
                let w = reading(weight)
                switch kind {
                case .layer:
                    Elementwise.isWide
                        ? KernelsV3.addLayerNormGradients(x, dy, width, epsilon, w, dx, weightSums, biasSums)
                        : Kernels.addLayerNormGradients(x, dy, width, epsilon, w, dx, weightSums, biasSums)
                case .rootMeanSquare(let offset):
                    guard let w else { preconditionFailure("an RMS norm without a weight") }
                    Elementwise.isWide
                        ? KernelsV3.addRootMeanSquareNormGradients(x, dy, width, epsilon, w, offset, dx, weightSums)
                        : Kernels.addRootMeanSquareNormGradients(x, dy, width, epsilon, w, offset, dx, weightSums)
                }
            }
        }
        for (target, place) in [(weightGradient, 0), (biasGradient, width)] {
            guard let target else { continue }
            for piece in 0..<pieces {
                let sums = UnsafePointer(scratch.mutablePointer + piece * 2 * width + place)
                Elementwise.isWide
                    ? KernelsV3.addInPlace(sums, target.mutablePointer, width) : Kernels.addInPlace(sums, target.mutablePointer, width)
            }
        }
    }

    /// The pieces into which rows are cut, by their number alone.
    private static func pieces(rows: Int) -> Int { max(1, min(32, rows / 16)) }

    private static func fits(_ parameter: Tensor?, _ width: Int) -> Bool { parameter.map { $0.count == width } ?? true }

    private static func reading(_ tensor: Tensor?) -> UnsafePointer<Float>? { tensor?.pointer }
}
