import Checkpoints
import Tensors

/// Which weights of a layer are edges of the graph. Zero weights and those that are not numbers never are.
enum EdgeRule: Sendable, Equatable {
    case all
    /// The weights whose magnitude is at least this.
    case threshold(Double)
    /// The largest share of a layer's edges by magnitude, rounded up; among equal ones the first, row after row.
    case top(Double)

    /// The number of edges that a share of `count` edges is, rounded up. A product that is whole but for the rounding of the
    /// share's binary form counts as whole: 0.07 of 100 are 7.
    static func edgeCount(share: Double, of count: Int) -> Int {
        let product = share * Double(count)
        let whole = product.rounded()
        return min(count, Int(abs(product - whole) <= 1e-12 * max(1, whole) ? whole : product.rounded(.up)))
    }
}

/// The pass over a layer's weights that yields its edges, one row at a time, in memory that depends neither on the layer nor on the graph.
struct LayerEdges {
    let layer: Layer
    private let cut: Cut

    /// The weights of one row that are edges.
    struct Row<Weight: BinaryFloatingPoint & Sendable> {
        var columns: [Int] = []
        var weights: [Weight] = []
    }

    /// Every weight above `magnitude` and the first `equal` ones of it. Magnitudes are compared as the bits of Double, whose order is theirs.
    private struct Cut {
        var magnitude: UInt64
        var equal: Int
    }

    /// The elements that are read at once.
    private static let bandSize = 1 << 21

    /// Applies the rule to a layer. The share of the largest needs four passes over the weights, the other rules none.
    init(_ layer: Layer, rule: EdgeRule) throws {
        self.layer = layer
        switch rule {
        case .all: cut = Cut(magnitude: 0, equal: 0)
        case .threshold(let limit): cut = Cut(magnitude: limit.bitPattern, equal: limit > 0 ? .max : 0)
        case .top(let share): cut = try Self.cut(layer, share: share)
        }
    }

    /// Calls `body` for every row that has edges; `body` is given single precision if the layer has that.
    ///
    /// - Returns: the number of weights that are not a number.
    func forEachRow(
        single: (Int, Row<Float>) throws -> Void, double: (Int, Row<Double>) throws -> Void
    ) throws -> Int {
        var undefined = 0
        var equal = cut.equal
        try Self.forEachBand(of: layer) { firstRow, band in
            switch band {
            case .single(let matrix): try rows(of: matrix, firstRow: firstRow, equal: &equal, undefined: &undefined, single)
            case .double(let matrix): try rows(of: matrix, firstRow: firstRow, equal: &equal, undefined: &undefined, double)
            }
        }
        return undefined
    }

    private func rows<Weight>(
        of matrix: Matrix<Weight>, firstRow: Int, equal: inout Int, undefined: inout Int, _ body: (Int, Row<Weight>) throws -> Void
    ) throws {
        var row = Row<Weight>()
        let limit = Double(bitPattern: cut.magnitude)
        for place in 0..<matrix.rows {
            row.columns.removeAll(keepingCapacity: true)
            row.weights.removeAll(keepingCapacity: true)
            matrix.withRow(place) { weights in
                for column in weights.indices {
                    let weight = weights[column]
                    let magnitude = Double(weight.magnitude)
                    if magnitude > limit {
                        row.columns.append(column)
                        row.weights.append(weight)
                    } else if magnitude == limit, equal > 0, magnitude > 0 {
                        if equal != .max { equal -= 1 }
                        row.columns.append(column)
                        row.weights.append(weight)
                    } else if magnitude.isNaN {
                        undefined += 1
                    }
                }
            }
            if !row.columns.isEmpty { try body(firstRow + place, row) }
        }
    }

    /// Radix selection: 16 bits of the magnitude a pass, the highest first.
    private static func cut(_ layer: Layer, share: Double) throws -> Cut {
        var prefix: UInt64 = 0
        var wanted = 0
        for pass in 0..<4 {
            let shift = UInt64(48 - 16 * pass)
            var histogram = [Int](repeating: 0, count: 1 << 16)
            try forEachBand(of: layer) { _, band in
                switch band {
                case .single(let matrix): count(matrix, prefix: prefix, shift: shift, into: &histogram)
                case .double(let matrix): count(matrix, prefix: prefix, shift: shift, into: &histogram)
                }
            }
            if pass == 0 {
                wanted = EdgeRule.edgeCount(share: share, of: histogram.reduce(0, +))
                if wanted == 0 { return Cut(magnitude: Double.infinity.bitPattern, equal: 0) }
            }
            var digit = histogram.count - 1
            while digit > 0, histogram[digit] < wanted {
                wanted -= histogram[digit]
                digit -= 1
            }
            prefix = prefix << 16 | UInt64(digit)
        }
        return Cut(magnitude: prefix, equal: wanted)
    }

    /// Counts the 16 bits from `shift` on of the edges whose higher bits are `prefix`.
    private static func count(_ matrix: Matrix<some BinaryFloatingPoint>, prefix: UInt64, shift: UInt64, into histogram: inout [Int]) {
        matrix.withElements { weights in
            histogram.withUnsafeMutableBufferPointer { histogram in
                for weight in weights {
                    let magnitude = Double(weight.magnitude)
                    let bits = magnitude.bitPattern
                    // In the first pass nothing is above the 16 bits.
                    let higher = shift == 48 ? 0 : bits >> (shift + 16)
                    if higher == prefix, magnitude > 0 { histogram[Int(truncatingIfNeeded: bits >> shift & 0xFFFF)] += 1 }
                }
            }
        }
    }

    private static func forEachBand(of layer: Layer, _ body: (Int, WeightMatrix) throws -> Void) throws {
        let rows = max(1, bandSize / max(1, layer.inNeurons))
        var row = 0
        while row < layer.outNeurons {
            let end = min(layer.outNeurons, row + rows)
            try body(row, try layer.weights(rows: row..<end))
            row = end
        }
    }
}
