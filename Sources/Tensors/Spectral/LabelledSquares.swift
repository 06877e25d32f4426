import Kernels
import KernelsV3

/// Sums of squared weights inside and outside clusters, and their gradients, on a matrix as it is stored.
///
/// A stored matrix is `blocks` matrices of as many rows of `width` elements. A row has a label, and so has every place in the rows of a block.
/// An element is inside where the two are equal.
package struct LabelledSquares: Sendable {
    private let rowLabels: [Int32]
    /// [blocks, width].
    private let placeLabels: [Int32]
    private let rowsPerBlock: Int
    private let width: Int
    /// The rows that one thread processes at a time.
    private let step: Int

    /// Values for no label, which differ between the sides so that nothing is ever inside.
    private static let noRow: Int32 = -1
    private static let noPlace: Int32 = -2

    /// - Parameters:
    ///   - rows: one label a stored row, -1 for none; as many for each block.
    ///   - places: one label for each place in a row, block after block; -1 for none.
    package init(rows: [Int], places: [Int], blocks: Int = 1) {
        precondition(
            blocks > 0 && rows.count % blocks == 0 && places.count % blocks == 0, "\(rows.count) x \(places.count) in \(blocks) blocks")
        rowLabels = rows.map { $0 < 0 ? Self.noRow : Int32($0) }
        placeLabels = places.map { $0 < 0 ? Self.noPlace : Int32($0) }
        rowsPerBlock = rows.count / blocks
        width = places.count / blocks
        step = max(1, Elementwise.piece / max(width, 1))
    }

    /// The number of elements of the matrix.
    package var count: Int { rowLabels.count * width }

    /// Sums of squares.
    package struct Sums: Sendable {
        package var inside = 0.0
        package var total = 0.0
        /// inside / total; nil for a matrix of zeros.
        package var share: Double? { total > 0 ? inside / total : (total == 0 ? nil : .nan) }
    }

    package func sums(of weights: Tensor, team: Team) -> Sums {
        precondition(weights.count == count, "\(weights.shape) for \(rowLabels.count) x \(width)")
        let pieces = (rowLabels.count + step - 1) / step
        var found = [Sums](repeating: Sums(), count: pieces)
        found.withUnsafeMutableBufferPointer { found in
            nonisolated(unsafe) let found = found
            team.forEach(pieces) { piece in
                var sums = Sums()
                for row in piece * step..<min(rowLabels.count, (piece + 1) * step) {
                    placeLabels.withUnsafeBufferPointer { labels in
                        guard let first = labels.baseAddress else { return }
                        let total = (Elementwise.isWide ? KernelsV3.labelledSquares : Kernels.labelledSquares)(
                            weights.pointer + row * width, first + row / rowsPerBlock * width, rowLabels[row], width, &sums.inside)
                        sums.total += total
                    }
                }
                found[piece] = sums
            }
        }
        return found.reduce(into: Sums()) { sums, piece in
            sums.inside += piece.inside
            sums.total += piece.total
        }
    }

    /// Adds weight * `inside` or weight * `outside` to the gradient of every element.
    package func addMultiples(of weights: Tensor, inside: Float, outside: Float, to gradient: MutableTensor, team: Team) {
        precondition(
            weights.count == count && gradient.count == count, "\(weights.shape) and \(gradient.shape) for \(rowLabels.count) x \(width)")
        team.forEach(rowLabels.count, step: step) { rows in
            placeLabels.withUnsafeBufferPointer { labels in
                guard let first = labels.baseAddress else { return }
                for row in rows {
                    (Elementwise.isWide ? KernelsV3.addLabelledMultiples : Kernels.addLabelledMultiples)(
                        weights.pointer + row * width, first + row / rowsPerBlock * width, rowLabels[row], inside, outside,
                        gradient.mutablePointer + row * width, width)
                }
            }
        }
    }
}
