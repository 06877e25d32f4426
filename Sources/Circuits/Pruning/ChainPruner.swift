import Tensors

/// Prunes the weights of a plain chain one by one, as long as the losses stay within a limit.
///
/// From the last weight matrix to the first, row by row, each weight in the order of its tensor. All is computed in double precision, each
/// decision from the losses that the samples would have.
struct ChainPruner {
    let chain: DoubleChain
    let inputs: ChainInputs
    let target: LossTarget
    /// The largest sum of the losses.
    let limit: Double
    let team: Team

    /// The weights that are left if those of the steps `chosen` may be removed.
    ///
    /// - Parameter progress: called with the number of weights that were tried.
    func prune(_ weights: ChainWeights, steps chosen: [Int], progress: (Int) -> Void) -> ChainWeights {
        var weights = weights
        for place in chosen.sorted(by: >) {
            guard let table = inputs.tables[place], var values = weights[place] else { continue }
            let rows: any WeightRows =
                LineRows(chain, place, weights: weights, inputs: table, target: target)
                ?? DenseRows(chain, place, weights: weights, inputs: table, target: target, team: team)
            let length = chain.steps[place].rowLength
            for row in 0..<chain.steps[place].rows {
                prune(row, of: &values, length: length, rows, isDead: chain.isDead(row, of: place, weights))
                progress(length)
            }
            weights[place] = values
        }
        return weights
    }

    private func prune(_ row: Int, of values: inout [Double], length: Int, _ rows: any WeightRows, isDead: Bool) {
        let places = row * length..<(row + 1) * length
        if isDead {
            for place in places { values[place] = 0 }
            return
        }
        guard places.contains(where: { values[$0] != 0 }) else { return }
        rows.begin(row)
        for place in places where values[place] != 0 {
            switch rows.change(without: values[place], element: place - places.lowerBound) {
            case .none: break
            // What has no effect on the losses goes even where rounding has put them beyond the limit.
            case .losses(let change): if !(change <= max(limit - rows.total, 0)) { continue }
            }
            rows.accept()
            values[place] = 0
        }
        rows.end()
    }
}

extension DoubleChain {
    /// Whether nothing reads a row's output.
    func isDead(_ row: Int, of place: Int, _ weights: ChainWeights) -> Bool {
        let next = next(after: place)
        guard next < steps.count, let values = weights[next] else { return false }
        switch steps[next].operation {
        case .linear:
            let (width, plane) = (steps[next].inFeatures, steps[next - 1].plane)
            return (0..<steps[next].rows).allSatisfy { reader in
                (row * plane..<(row + 1) * plane).allSatisfy { values[reader * width + $0] == 0 }
            }
        case .convolution(let shape):
            let kernel = shape.rows.kernel * shape.columns.kernel
            let (channels, filters) = (shape.channels / shape.groups, shape.filters / shape.groups)
            return (row / channels * filters..<(row / channels + 1) * filters).allSatisfy { filter in
                (0..<kernel).allSatisfy { values[filter * steps[next].rowLength + row % channels * kernel + $0] == 0 }
            }
        default: return false
        }
    }
}
