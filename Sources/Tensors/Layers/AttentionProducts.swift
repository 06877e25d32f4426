/// Attention in steps: scores of queries with keys, and values mixed by a pattern.
///
/// A piece of work is a tile of one head of one sample, or, if heads add to the same keys, a key head of one sample.
package enum AttentionProducts {
    /// scores [samples, heads, length, length] = scale q k^T, adjusted; minus infinity where the mask forbids.
    package static func scores(
        _ queries: Tensor, _ keys: Tensor, _ shape: AttentionShape, scale: Float, adjustment: ScoreAdjustment = .none,
        mask: AttentionMask, into scores: MutableTensor, team: Team
    ) {
        shape.checkQueries(queries)
        shape.checkKeys(keys)
        shape.checkPatterns(scores)
        let length = shape.length
        forEachTile(shape, team) { sample, head, rows, _ in
            let seen = shape.keys(of: rows, mask)
            let target = scores.mutablePointer + shape.pattern(sample, head, rows.lowerBound)
            Float.gemm(
                .no, .yes, m: rows.count, n: seen.count, k: shape.headDimension, alpha: scale,
                queries.pointer + shape.query(sample, head, rows.lowerBound), shape.width,
                keys.pointer + shape.key(sample, head, seen.lowerBound), shape.keyWidth, beta: 0, target + seen.lowerBound, length)
            for row in rows {
                let allowed = mask.keys(of: row, length: length)
                let line = target + (row - rows.lowerBound) * length
                adjustment.apply(to: line + allowed.lowerBound, allowed.count, head: head, query: row, first: allowed.lowerBound)
                fill(line, 0..<length, outside: allowed, with: -.infinity)
            }
        }
    }

    /// The elements of scratch memory that ``addScoresGradient`` needs.
    package static func scoresGradientScratch(_ shape: AttentionShape, team: Int) -> Int { team * shape.tileSize }

    /// dq += scale ds k, dk += scale ds^T q, where the ds of forbidden places count as 0.
    ///
    /// - Parameter scores: what ``scores`` gave; read only if the adjustment bends them.
    package static func addScoresGradient(
        _ scoresGradient: Tensor, at scores: Tensor, _ queries: Tensor, _ keys: Tensor, _ shape: AttentionShape, scale: Float,
        adjustment: ScoreAdjustment = .none, mask: AttentionMask, toQueries queryGradient: MutableTensor?,
        toKeys keyGradient: MutableTensor?, scratch: MutableTensor, team: Team
    ) {
        shape.checkQueries(queries, queryGradient)
        shape.checkKeys(keys, keyGradient)
        shape.checkPatterns(scoresGradient, scores)
        precondition(scratch.count >= scoresGradientScratch(shape, team: team.size), "scratch \(scratch.count)")
        let length = shape.length
        forEachKeyHead(shape, team) { sample, heads, lane in
            let tile = scratch.mutablePointer + lane * shape.tileSize
            for head in heads {
                for part in 0..<shape.tiles {
                    let rows = shape.rows(ofTile: part)
                    let seen = shape.keys(of: rows, mask)
                    for row in rows {
                        let target = tile + (row - rows.lowerBound) * seen.count
                        let source = scoresGradient.pointer + shape.pattern(sample, head, row)
                        let allowed = mask.keys(of: row, length: length)
                        target.update(from: source + seen.lowerBound, count: seen.count)
                        adjustment.turnGradient(
                            target + (allowed.lowerBound - seen.lowerBound),
                            at: scores.pointer + shape.pattern(sample, head, row) + allowed.lowerBound, allowed.count)
                        fill(target - seen.lowerBound, seen, outside: allowed, with: 0)
                    }
                    let query = shape.query(sample, head, rows.lowerBound)
                    let key = shape.key(sample, head, seen.lowerBound)
                    if let gradient = queryGradient {
                        Float.gemm(
                            .no, .no, m: rows.count, n: shape.headDimension, k: seen.count, alpha: scale, tile, seen.count,
                            keys.pointer + key, shape.keyWidth, beta: 1, gradient.mutablePointer + query, shape.width)
                    }
                    if let gradient = keyGradient {
                        Float.gemm(
                            .yes, .no, m: seen.count, n: shape.headDimension, k: rows.count, alpha: scale, tile, seen.count,
                            queries.pointer + query, shape.width, beta: 1, gradient.mutablePointer + key, shape.keyWidth)
                    }
                }
            }
        }
    }

    /// output = pattern v, the heads side by side.
    package static func values(_ pattern: Tensor, _ values: Tensor, _ shape: AttentionShape, into output: MutableTensor, team: Team) {
        shape.checkPatterns(pattern)
        shape.checkKeys(values)
        shape.checkQueries(output)
        forEachTile(shape, team) { sample, head, rows, _ in
            Float.gemm(
                .no, .no, m: rows.count, n: shape.headDimension, k: shape.length, alpha: 1,
                pattern.pointer + shape.pattern(sample, head, rows.lowerBound), shape.length, values.pointer + shape.key(sample, head, 0),
                shape.keyWidth, beta: 0, output.mutablePointer + shape.query(sample, head, rows.lowerBound), shape.width)
        }
    }

    /// dpattern += dz v^T, dv += pattern^T dz.
    package static func addValuesGradient(
        _ outputGradient: Tensor, _ pattern: Tensor, _ values: Tensor, _ shape: AttentionShape, toPattern patternGradient: MutableTensor?,
        toValues valueGradient: MutableTensor?, team: Team
    ) {
        shape.checkQueries(outputGradient)
        shape.checkPatterns(pattern, patternGradient)
        shape.checkKeys(values, valueGradient)
        if let gradient = patternGradient {
            forEachTile(shape, team) { sample, head, rows, _ in
                Float.gemm(
                    .no, .yes, m: rows.count, n: shape.length, k: shape.headDimension, alpha: 1,
                    outputGradient.pointer + shape.query(sample, head, rows.lowerBound), shape.width,
                    values.pointer + shape.key(sample, head, 0), shape.keyWidth, beta: 1,
                    gradient.mutablePointer + shape.pattern(sample, head, rows.lowerBound), shape.length)
            }
        }
        if let gradient = valueGradient {
            forEachKeyHead(shape, team) { sample, heads, _ in
                for head in heads {
                    Float.gemm(
                        .yes, .no, m: shape.length, n: shape.headDimension, k: shape.queries, alpha: 1,
                        pattern.pointer + shape.pattern(sample, head, shape.firstQuery), shape.length,
                        outputGradient.pointer + shape.query(sample, head, shape.firstQuery), shape.width, beta: 1,
                        gradient.mutablePointer + shape.key(sample, head, 0), shape.keyWidth)
                }
            }
        }
    }

    /// Calls `body` with (sample, head, queries, lane) for every tile.
    static func forEachTile(_ shape: AttentionShape, _ team: Team, _ body: @Sendable (Int, Int, Range<Int>, Int) -> Void) {
        guard shape.headDimension > 0, shape.queries > 0 else { return }
        let heads = shape.samples * shape.heads
        team.forEachInLanes(heads * shape.tiles) { piece, lane in
            let (tile, head) = (piece / heads, piece % heads)
            body(head / shape.heads, head % shape.heads, shape.rows(ofTile: tile), lane)
        }
    }

    /// Calls `body` with (sample, the heads that share a key head, lane) for every key head.
    static func forEachKeyHead(_ shape: AttentionShape, _ team: Team, _ body: @Sendable (Int, Range<Int>, Int) -> Void) {
        guard shape.headDimension > 0, shape.length > 0 else { return }
        team.forEachInLanes(shape.samples * shape.keyHeads) { piece, lane in
            let first = piece % shape.keyHeads * shape.group
            body(piece / shape.keyHeads, first..<first + shape.group, lane)
        }
    }

    /// Sets those elements of `row` in `range` that are outside `allowed`, a part of it.
    static func fill(_ row: UnsafeMutablePointer<Float>, _ range: Range<Int>, outside allowed: Range<Int>, with value: Float) {
        (row + range.lowerBound).update(repeating: value, count: allowed.lowerBound - range.lowerBound)
        (row + allowed.upperBound).update(repeating: value, count: range.upperBound - allowed.upperBound)
    }
}
