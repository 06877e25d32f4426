import Kernels
import KernelsV3

/// Attention whose scores and patterns never leave a tile of scratch memory.
package enum FusedAttention {
    /// The elements of scratch memory that ``apply`` needs.
    package static func scratch(_ shape: AttentionShape, team: Int) -> Int { team * shape.tileSize }

    /// output = softmax(scale q k^T, adjusted and masked) v, the heads side by side.
    ///
    /// Blocks that the mask forbids are not computed. A tile's exponentials are multiplied by the values unnormalised;
    /// the rows of the product, which are shorter, are divided by their sums.
    ///
    /// - Parameter sinks: for each head a score that takes its share of the softmax and has no value; nil if there are none.
    package static func apply(
        _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ shape: AttentionShape, scale: Float,
        adjustment: ScoreAdjustment = .none, sinks: Tensor? = nil, mask: AttentionMask, into output: MutableTensor,
        scratch: MutableTensor, team: Team
    ) {
        precondition(sinks.map { $0.count == shape.heads } ?? true, "sinks of another number of heads")
        shape.checkQueries(queries, output)
        shape.checkKeys(keys, values)
        precondition(scratch.count >= self.scratch(shape, team: team.size), "scratch \(scratch.count)")
        AttentionProducts.forEachTile(shape, team) { sample, head, rows, lane in
            let tile = scratch.mutablePointer + lane * shape.tileSize
            let seen = shape.keys(of: rows, mask)
            let query = shape.query(sample, head, rows.lowerBound)
            let key = shape.key(sample, head, seen.lowerBound)
            Float.gemm(
                .no, .yes, m: rows.count, n: seen.count, k: shape.headDimension, alpha: scale, queries.pointer + query, shape.width,
                keys.pointer + key, shape.keyWidth, beta: 0, tile, seen.count)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: AttentionShape.tileRows) { inverses in
                forEachRow(of: tile, rows, seen, shape, mask) { index, pattern, allowed in
                    let count = allowed.count
                    adjustment.apply(to: pattern, count, head: head, query: rows.lowerBound + index, first: allowed.lowerBound)
                    let sink = sinks.map { $0.pointer[head] }
                    inverses[index] = Float(1 / RowSoftmax.exponentials(pattern, count, sink: sink, into: pattern).sum)
                }
                Float.gemm(
                    .no, .no, m: rows.count, n: shape.headDimension, k: seen.count, alpha: 1, tile, seen.count, values.pointer + key,
                    shape.keyWidth, beta: 0, output.mutablePointer + query, shape.width)
                for index in 0..<rows.count {
                    RowSoftmax.scale(output.mutablePointer + query + index * shape.width, shape.headDimension, by: inverses[index])
                }
            }
        }
    }

    /// The elements of scratch memory that ``addGradients`` needs.
    package static func gradientScratch(_ shape: AttentionShape, adjustment: ScoreAdjustment = .none, team: Int) -> Int {
        tiles(adjustment) * team * shape.tileSize + shape.samples * shape.heads
    }

    /// The tiles of a lane: patterns, their gradients, and scores that the patterns do not tell.
    private static func tiles(_ adjustment: ScoreAdjustment) -> Int { adjustment.bends ? 3 : 2 }

    /// Adds the gradients of queries, keys and values to those that are not nil; the patterns are computed again.
    ///
    /// With the pattern p and dp = dz v^T: dv += p^T dz, ds = p (dp - sum p dp), dq += scale ds k, dk += scale ds^T q. A sink that takes the
    /// share p' of a row gets -p' sum p dp.
    package static func addGradients(
        _ outputGradient: Tensor, _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ shape: AttentionShape, scale: Float,
        adjustment: ScoreAdjustment = .none, sinks: Tensor? = nil, mask: AttentionMask, toQueries queryGradient: MutableTensor?,
        toKeys keyGradient: MutableTensor?, toValues valueGradient: MutableTensor?, toSinks sinkGradient: MutableTensor? = nil,
        scratch: MutableTensor, team: Team
    ) {
        shape.checkQueries(queries, outputGradient, queryGradient)
        shape.checkKeys(keys, values, keyGradient, valueGradient)
        precondition(scratch.count >= gradientScratch(shape, adjustment: adjustment, team: team.size), "scratch \(scratch.count)")
        let (width, keyWidth, dimension) = (shape.width, shape.keyWidth, shape.headDimension)
        // One number for each head of each sample, whichever thread has it, so that sums do not depend on the threads.
        let firstSum = tiles(adjustment) * team.size * shape.tileSize
        AttentionProducts.forEachKeyHead(shape, team) { sample, heads, lane in
            let tile = scratch.mutablePointer + lane * tiles(adjustment) * shape.tileSize
            let change = tile + shape.tileSize
            let kept = adjustment.bends ? change + shape.tileSize : tile
            withUnsafeTemporaryAllocation(of: Double.self, capacity: AttentionShape.tileRows) { shares in
                for head in heads {
                    var sinkSum = 0.0
                    for part in 0..<shape.tiles {
                        let rows = shape.rows(ofTile: part)
                        let seen = shape.keys(of: rows, mask)
                        let (m, n) = (rows.count, seen.count)
                        let query = shape.query(sample, head, rows.lowerBound)
                        let key = shape.key(sample, head, seen.lowerBound)
                        let dz = outputGradient.pointer + query
                        Float.gemm(
                            .no, .yes, m: m, n: n, k: dimension, alpha: scale, queries.pointer + query, width, keys.pointer + key, keyWidth,
                            beta: 0, tile, n)
                        forEachRow(of: tile, rows, seen, shape, mask) { index, pattern, allowed in
                            let count = allowed.count
                            adjustment.apply(to: pattern, count, head: head, query: rows.lowerBound + index, first: allowed.lowerBound)
                            if kept != tile { (kept + (pattern - tile)).update(from: pattern, count: count) }
                            let found = RowSoftmax.exponentials(pattern, count, sink: sinks.map { $0.pointer[head] }, into: pattern)
                            RowSoftmax.scale(pattern, count, by: Float(1 / found.sum))
                            shares[index] = found.sink / found.sum
                        }
                        if let gradient = valueGradient {
                            Float.gemm(
                                .yes, .no, m: n, n: dimension, k: m, alpha: 1, tile, n, dz, width, beta: 1, gradient.mutablePointer + key,
                                keyWidth)
                        }
                        if queryGradient == nil && keyGradient == nil && sinkGradient == nil { continue }
                        Float.gemm(
                            .no, .yes, m: m, n: n, k: dimension, alpha: 1, dz, width, values.pointer + key, keyWidth, beta: 0, change, n)
                        for index in 0..<m {
                            let (p, dp) = (tile + index * n, change + index * n)
                            let mean = RowSoftmax.product(p, dp, n)
                            sinkSum -= shares[index] * mean
                            makeScoresGradient(p, dp, n, Float(mean), scale)
                        }
                        if kept != tile {
                            forEachRow(of: change, rows, seen, shape, mask) { _, gradient, allowed in
                                adjustment.turnGradient(gradient, at: kept + (gradient - change), allowed.count)
                            }
                        }
                        if let gradient = queryGradient {
                            Float.gemm(
                                .no, .no, m: m, n: dimension, k: n, alpha: 1, change, n, keys.pointer + key, keyWidth, beta: 1,
                                gradient.mutablePointer + query, width)
                        }
                        if let gradient = keyGradient {
                            Float.gemm(
                                .yes, .no, m: n, n: dimension, k: m, alpha: 1, change, n, queries.pointer + query, width, beta: 1,
                                gradient.mutablePointer + key, keyWidth)
                        }
                    }
                    scratch.mutablePointer[firstSum + sample * shape.heads + head] = Float(sinkSum)
                }
            }
        }
        guard let sinkGradient, dimension > 0, shape.queries > 0 else { return }
        for sample in 0..<shape.samples {
            for head in 0..<shape.heads {
                sinkGradient.mutablePointer[head] += scratch.pointer[firstSum + sample * shape.heads + head]
            }
        }
    }

    /// Calls `body` with the index, the allowed part and its keys of each row of a tile; the forbidden parts become 0.
    private static func forEachRow(
        of tile: UnsafeMutablePointer<Float>, _ rows: Range<Int>, _ seen: Range<Int>, _ shape: AttentionShape, _ mask: AttentionMask,
        _ body: (Int, UnsafeMutablePointer<Float>, Range<Int>) -> Void
    ) {
        for (index, row) in rows.enumerated() {
            let scores = tile + index * seen.count - seen.lowerBound
            let allowed = mask.keys(of: row, length: shape.length)
            AttentionProducts.fill(scores, seen, outside: allowed, with: 0)
            body(index, scores + allowed.lowerBound, allowed)
        }
    }

    /// In place of dp: scale * p (dp - mean), the mean being sum p dp.
    private static func makeScoresGradient(
        _ p: UnsafePointer<Float>, _ dp: UnsafeMutablePointer<Float>, _ count: Int, _ mean: Float, _ scale: Float
    ) {
        Elementwise.isWide
            ? KernelsV3.makeSoftmaxGradient(p, dp, count, mean, scale) : Kernels.makeSoftmaxGradient(p, dp, count, mean, scale)
    }
}
