import Evaluation
import Networks

/// One patch of a batch: which part, at which position, in which direction.
struct Patch: Sendable {
    let direction: ActivationPatching.Direction
    /// Its place among the parts.
    let part: Int
    /// nil for all positions at once.
    let position: Int?
    /// Its place among the sums.
    let row: Int
}

/// The result of one patch on one batch.
struct PatchedBatch: Sendable {
    let row: Int
    /// For each metric the sum over the batch's pairs.
    let values: [Double]
    let change: InterventionChange
}

/// The sums over batches, in the order of the result's rows.
struct PatchSums {
    private struct Row {
        var pairs = 0
        var values: [Double]
        var clean: [Double]
        var corrupted: [Double]
        var change = InterventionChange()
    }

    private let patching: ActivationPatching
    private let parts: [PatchedPart]
    private let positions: Int
    private var rows: [Row]
    private var total: Row

    /// - Parameter positions: the length of the longest sequence where each position is patched, else 1.
    init(_ patching: ActivationPatching, parts: [PatchedPart], positions: Int) {
        self.patching = patching
        self.parts = parts
        self.positions = positions
        let zeros = patching.metrics.map { _ in 0.0 }
        total = Row(values: zeros, clean: zeros, corrupted: zeros)
        rows = Array(repeating: total, count: patching.directions.count * parts.count * positions)
    }

    /// The patches of a batch whose sequences have `length` positions, grouped by direction and node.
    func patches(length: Int) -> [Patch] {
        var patches: [Patch] = []
        for (place, direction) in patching.directions.enumerated() {
            for part in parts.indices {
                let first = (place * parts.count + part) * positions
                switch patching.places {
                case .all: patches.append(Patch(direction: direction, part: part, position: nil, row: first))
                case .position:
                    for position in 0..<length {
                        patches.append(Patch(direction: direction, part: part, position: position, row: first + position))
                    }
                }
            }
        }
        return patches
    }

    /// - Parameters:
    ///   - clean: for each metric the sum of the clean run over the batch's pairs.
    ///   - corrupted: of the corrupted run.
    mutating func add(_ found: [PatchedBatch], pairs: Int, clean: [Double], corrupted: [Double]) {
        func add(_ row: inout Row) {
            row.pairs += pairs
            for metric in clean.indices {
                row.clean[metric] += clean[metric]
                row.corrupted[metric] += corrupted[metric]
            }
        }
        add(&total)
        for patch in found {
            add(&rows[patch.row])
            for metric in patch.values.indices { rows[patch.row].values[metric] += patch.values[metric] }
            rows[patch.row].change += patch.change
        }
    }

    func result() -> PatchingResult {
        var results: [PatchingResult.Row] = []
        results.reserveCapacity(rows.count)
        for (place, row) in rows.enumerated() where row.pairs > 0 {
            let direction = patching.directions[place / (parts.count * positions)]
            let pairs = Double(row.pairs)
            let measures = patching.metrics.indices.map { metric -> PatchingResult.Measure in
                let scale = BehaviourScale(clean: row.clean[metric] / pairs, corrupted: row.corrupted[metric] / pairs)
                let value = row.values[metric] / pairs
                let base = direction == .denoise ? scale.corrupted : scale.clean
                return PatchingResult.Measure(value: value, effect: value - base, normalized: scale.normalized(value))
            }
            results.append(
                PatchingResult.Row(
                    direction: direction, part: parts[place / positions % parts.count],
                    position: patching.places == .position ? place % positions : nil, pairs: row.pairs, change: row.change,
                    measures: row.change.changed > 0 ? measures : nil))
        }
        let pairs = Double(max(total.pairs, 1))
        return PatchingResult(
            pairs: total.pairs,
            scales: patching.metrics.indices.map { BehaviourScale(clean: total.clean[$0] / pairs, corrupted: total.corrupted[$0] / pairs) },
            rows: results)
    }
}
