import COpenBLAS
import Kernels
import KernelsV3

/// Functions of single elements and copies of blocks, in pieces on a team.
package enum Elementwise {
    static let isWide = modinspect_cpu_supports_v3() != 0
    /// The elements that one thread processes at a time.
    static let piece = 1 << 15

    /// target += source.
    package static func add(_ source: Tensor, to target: MutableTensor, team: Team) {
        precondition(source.count == target.count, "\(source.shape) to \(target.shape)")
        team.forEach(target.count, step: piece) { range in
            let a = source.pointer + range.lowerBound
            let b = target.mutablePointer + range.lowerBound
            isWide ? KernelsV3.addInPlace(a, b, range.count) : Kernels.addInPlace(a, b, range.count)
        }
    }

    /// Copies the blocks start + b * stride ..< start + b * stride + length of every row of `source` to the rows of `target`, side by side.
    package static func copyBlocks(
        of source: Tensor, start: Int, length: Int, stride: Int, blocks: Int, into target: MutableTensor, team: Team
    ) {
        forEachBlock(source, target, start, length, stride, blocks, team) { whole, part in
            (target.mutablePointer + part).update(from: source.pointer + whole, count: length)
        }
    }

    /// Adds the rows of `source`, blocks side by side, to the blocks of the rows of `target`.
    package static func addBlocks(
        _ source: Tensor, toBlocksOf target: MutableTensor, start: Int, length: Int, stride: Int, blocks: Int, team: Team
    ) {
        forEachBlock(target, source, start, length, stride, blocks, team) { whole, part in
            let (a, b) = (source.pointer + part, target.mutablePointer + whole)
            isWide ? KernelsV3.addInPlace(a, b, length) : Kernels.addInPlace(a, b, length)
        }
    }

    /// Calls `body` for each block with the places of its first element in both tensors.
    private static func forEachBlock(
        _ whole: Tensor, _ parts: Tensor, _ start: Int, _ length: Int, _ stride: Int, _ blocks: Int, _ team: Team,
        _ body: @Sendable (_ whole: Int, _ part: Int) -> Void
    ) {
        precondition(
            parts.width == blocks * length && parts.rows == whole.rows && start >= 0
                && start + (blocks - 1) * stride + length <= whole.width,
            "\(blocks) blocks of \(length) between \(whole.shape) and \(parts.shape)")
        team.forEach(whole.rows, step: max(1, piece / max(parts.width, 1))) { rows in
            for row in rows {
                for block in 0..<blocks {
                    body(row * whole.width + start + block * stride, (row * blocks + block) * length)
                }
            }
        }
    }
}
