import Glibc

/// The shares that a router gives to experts, row by row.
package enum ExpertShares {
    /// target = the softmax of each row of `scores` for its `count` largest, 0 for the others.
    package static func choose(_ count: Int, isNormalized: Bool, from scores: Tensor, into target: MutableTensor, team: Team) {
        let width = target.width
        precondition(scores.count == target.count && count <= width, "\(scores.shape) into \(target.shape)")
        team.forEach(target.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let x = scores.pointer + row * width
                let y = target.mutablePointer + row * width
                let sum = RowSoftmax.exponentials(x, width, into: y)
                // Scores that are no numbers choose the first experts, whose weights are none either.
                var isChosen = [Bool](repeating: false, count: width)
                var chosenSum = 0.0
                for _ in 0..<count {
                    var best: Int?
                    for place in 0..<width where !isChosen[place] && (best.map { x[place] > x[$0] } ?? true) { best = place }
                    guard let best else { break }
                    isChosen[best] = true
                    chosenSum += Double(y[best])
                }
                let factor = Float(1 / (isNormalized ? chosenSum : sum))
                for place in 0..<width { y[place] = isChosen[place] ? y[place] * factor : 0 }
            }
        }
    }

    /// gradient += the gradient of ``choose(_:isNormalized:from:into:team:)`` for its result `weights`; the choice does not change.
    package static func addGradient(
        isNormalized: Bool, at scores: Tensor, weights: Tensor, outputGradient: Tensor, to gradient: MutableTensor, team: Team
    ) {
        let width = weights.width
        precondition(
            scores.count == weights.count && outputGradient.count == weights.count && gradient.count == weights.count,
            "\(scores.shape), \(weights.shape)")
        team.forEach(weights.rows, step: RowSoftmax.step(width)) { rows in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: max(width, 1)) { shares in
                for row in rows {
                    let (w, dw) = (weights.pointer + row * width, outputGradient.pointer + row * width)
                    let dx = gradient.mutablePointer + row * width
                    let mean = RowSoftmax.product(w, dw, width)
                    if isNormalized {
                        // The shares that are left are a softmax of the chosen scores.
                        for place in 0..<width { dx[place] += w[place] * (dw[place] - Float(mean)) }
                        continue
                    }
                    let p = shares.baseAddress ?? dx
                    let sum = RowSoftmax.exponentials(scores.pointer + row * width, width, into: p)
                    for place in 0..<width {
                        let own = w[place] != 0 ? dw[place] : 0
                        dx[place] += p[place] * Float(1 / sum) * (own - Float(mean))
                    }
                }
            }
        }
    }
}

extension ExpertShares {
    /// target = the logistic function of the `count` largest of each row of `scores`, 0 for the others.
    package static func chooseGates(_ count: Int, from scores: Tensor, into target: MutableTensor, team: Team) {
        let width = target.width
        precondition(scores.count == target.count && count <= width, "\(scores.shape) into \(target.shape)")
        team.forEach(target.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let x = scores.pointer + row * width
                let y = target.mutablePointer + row * width
                y.update(repeating: 0, count: width)
                var isChosen = [Bool](repeating: false, count: width)
                for _ in 0..<count {
                    var best: Int?
                    for place in 0..<width where !isChosen[place] && (best.map { x[place] > x[$0] } ?? true) { best = place }
                    guard let best else { break }
                    isChosen[best] = true
                    y[best] = Float(1 / (1 + exp(-Double(x[best]))))
                }
            }
        }
    }

    /// gradient += w (1 - w) dw for the gates `weights`; the choice does not change.
    package static func addGateGradient(weights: Tensor, outputGradient: Tensor, to gradient: MutableTensor, team: Team) {
        precondition(outputGradient.count == weights.count && gradient.count == weights.count, "\(weights.shape)")
        team.forEach(weights.rows, step: RowSoftmax.step(weights.width)) { rows in
            for place in rows.lowerBound * weights.width..<rows.upperBound * weights.width {
                let w = weights.pointer[place]
                gradient.mutablePointer[place] += w * (1 - w) * outputGradient.pointer[place]
            }
        }
    }

    /// target = each row of `source` times the row's weight of one expert.
    package static func scale(_ source: Tensor, by weights: Tensor, of expert: Int, into target: MutableTensor, team: Team) {
        let (width, experts) = (target.width, weights.width)
        precondition(source.count == target.count && weights.rows == target.rows && expert < experts, "\(weights.shape)")
        team.forEach(target.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let weight = weights.pointer[row * experts + expert]
                let (x, y) = (source.pointer + row * width, target.mutablePointer + row * width)
                if weight == 0 { y.update(repeating: 0, count: width) } else { for i in 0..<width { y[i] = weight * x[i] } }
            }
        }
    }

    /// Adds the gradients of ``scale(_:by:of:into:team:)`` to those that are not nil, where the weight is not 0.
    package static func addScaleGradients(
        _ source: Tensor, by weights: Tensor, of expert: Int, outputGradient: Tensor, toSource sourceGradient: MutableTensor?,
        toWeights weightGradient: MutableTensor?, team: Team
    ) {
        let (width, experts) = (source.width, weights.width)
        precondition(source.count == outputGradient.count && weights.rows == source.rows && expert < experts, "\(weights.shape)")
        team.forEach(source.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let weight = weights.pointer[row * experts + expert]
                if weight == 0 { continue }
                let (x, dy) = (source.pointer + row * width, outputGradient.pointer + row * width)
                if let sourceGradient {
                    let dx = sourceGradient.mutablePointer + row * width
                    for i in 0..<width { dx[i] += weight * dy[i] }
                }
                weightGradient?.mutablePointer[row * experts + expert] += Float(RowSoftmax.product(x, dy, width))
            }
        }
    }
}

extension ExpertShares {
    /// target = the sum of the experts' outputs times their weights.
    package static func sum(_ outputs: [Tensor], weights: Tensor, into target: MutableTensor, team: Team) {
        let (width, experts) = (target.width, outputs.count)
        precondition(weights.count == target.rows * experts && outputs.allSatisfy { $0.count == target.count }, "\(weights.shape)")
        team.forEach(target.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let y = target.mutablePointer + row * width
                y.update(repeating: 0, count: width)
                for expert in 0..<experts {
                    let weight = weights.pointer[row * experts + expert]
                    if weight == 0 { continue }
                    let x = outputs[expert].pointer + row * width
                    for i in 0..<width { y[i] += weight * x[i] }
                }
            }
        }
    }

    /// Adds the gradients of ``sum(_:weights:into:team:)`` to those that are not nil.
    package static func addSumGradients(
        _ outputs: [Tensor], weights: Tensor, outputGradient: Tensor, to gradients: [MutableTensor?], weightGradient: MutableTensor?,
        team: Team
    ) {
        let (width, experts) = (outputGradient.width, outputs.count)
        precondition(weights.count == outputGradient.rows * experts && gradients.count == experts, "\(weights.shape)")
        team.forEach(outputGradient.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let dz = outputGradient.pointer + row * width
                for expert in 0..<experts {
                    let weight = weights.pointer[row * experts + expert]
                    if weight == 0 { continue }
                    if let gradient = gradients[expert] {
                        let dy = gradient.mutablePointer + row * width
                        for i in 0..<width { dy[i] += weight * dz[i] }
                    }
                    if let weightGradient {
                        weightGradient.mutablePointer[row * experts + expert] +=
                            Float(RowSoftmax.product(outputs[expert].pointer + row * width, dz, width))
                    }
                }
            }
        }
    }
}

extension ExpertShares {
    /// target [rows, experts * width] = each expert's output times its weight, the experts side by side; 0 where the weight is.
    package static func contributions(_ outputs: [Tensor], weights: Tensor, into target: MutableTensor, team: Team) {
        let experts = outputs.count
        let (width, rows) = (target.width / max(experts, 1), target.rows)
        precondition(weights.count == rows * experts && outputs.allSatisfy { $0.count == rows * width }, "\(weights.shape)")
        team.forEach(rows, step: RowSoftmax.step(target.width)) { rows in
            for row in rows {
                for expert in 0..<experts {
                    let weight = weights.pointer[row * experts + expert]
                    let y = target.mutablePointer + (row * experts + expert) * width
                    if weight == 0 {
                        y.update(repeating: 0, count: width)
                        continue
                    }
                    let x = outputs[expert].pointer + row * width
                    for i in 0..<width { y[i] = weight * x[i] }
                }
            }
        }
    }

    /// Adds the gradients of ``contributions(_:weights:into:team:)`` to those that are not nil.
    package static func addContributionGradients(
        _ outputs: [Tensor], weights: Tensor, outputGradient: Tensor, to gradients: [MutableTensor?], weightGradient: MutableTensor?,
        team: Team
    ) {
        let experts = outputs.count
        let (width, rows) = (outputGradient.width / max(experts, 1), outputGradient.rows)
        precondition(weights.count == rows * experts && gradients.count == experts, "\(weights.shape)")
        team.forEach(rows, step: RowSoftmax.step(outputGradient.width)) { rows in
            for row in rows {
                for expert in 0..<experts {
                    let weight = weights.pointer[row * experts + expert]
                    if weight == 0 { continue }
                    let dz = outputGradient.pointer + (row * experts + expert) * width
                    if let gradient = gradients[expert] {
                        let dy = gradient.mutablePointer + row * width
                        for i in 0..<width { dy[i] += weight * dz[i] }
                    }
                    if let weightGradient {
                        weightGradient.mutablePointer[row * experts + expert] +=
                            Float(RowSoftmax.product(outputs[expert].pointer + row * width, dz, width))
                    }
                }
            }
        }
    }

    /// target [rows, width] = the sum of the blocks of each row of `source` [rows, blocks * width], in their order.
    package static func sumBlocks(_ source: Tensor, into target: MutableTensor, team: Team) {
        let (width, rows) = (target.width, target.rows)
        let blocks = source.count / max(rows * width, 1)
        precondition(source.count == rows * blocks * width, "\(source.shape) into \(target.shape)")
        team.forEach(rows, step: RowSoftmax.step(source.width)) { rows in
            for row in rows {
                let y = target.mutablePointer + row * width
                y.update(repeating: 0, count: width)
                for block in 0..<blocks {
                    let x = source.pointer + (row * blocks + block) * width
                    for i in 0..<width { y[i] += x[i] }
                }
            }
        }
    }

    /// The gradient of ``sumBlocks(_:into:team:)`` is added to each block.
    package static func addBlockGradients(of outputGradient: Tensor, to gradient: MutableTensor, team: Team) {
        let (width, rows) = (outputGradient.width, outputGradient.rows)
        let blocks = gradient.count / max(rows * width, 1)
        team.forEach(rows, step: RowSoftmax.step(gradient.width)) { rows in
            for row in rows {
                let dy = outputGradient.pointer + row * width
                for block in 0..<blocks {
                    let dx = gradient.mutablePointer + (row * blocks + block) * width
                    for i in 0..<width { dx[i] += dy[i] }
                }
            }
        }
    }
}
