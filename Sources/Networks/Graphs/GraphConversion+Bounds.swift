import Checkpoints

extension GraphConversion {
    /// Tokens that are compared with each of the numbers 0 to n - 1, which gives rows with a single 1, are below n.
    mutating func boundTokens(_ a: GraphValue, _ b: GraphValue) {
        guard case .tokens = graph.input else { return }
        for (tokens, known) in [(a, b), (b, a)] {
            guard tokens.type.isWhole, tokens.site != nil, let lists = numbers(known, isSetting: true), let count = lists[0].shape.last,
                count > 1,
                lists.allSatisfy({ list in
                    list.shape.last == count && list.values.enumerated().allSatisfy { $1 == Double($0 % count) }
                })
            else { continue }
            tokenLimit = min(tokenLimit ?? .max, count)
        }
    }

    /// Bounds the length of sequences where a comparison that has one outcome for all probes would have another for longer ones: whether a position
    /// is within a window of 4,096, for example.
    mutating func boundPositions(_ node: ONNXModel.Node, _ inputs: [[GraphNumbers]]) {
        let atLeast: (above: Double, below: Double)
        // How far above or below 0 the difference must stay.
        switch node.operation {
        case "Greater", "LessOrEqual": atLeast = (1, 0)
        case "GreaterOrEqual", "Less": atLeast = (0, -1)
        case "Equal", "Min", "Max": atLeast = (1, -1)
        default: return
        }
        guard inputs.count == 2, case .tokens = probes[0] else { return }
        var lengths: [Double] = []
        var (lows, highs): ([Double], [Double]) = ([], [])
        for (place, probe) in probes.enumerated() {
            guard case .tokens(_, let length) = probe,
                let differences = try? GraphFolding.pair(
                    inputs[0].count == 1 ? inputs[0][0] : inputs[0][place], inputs[1].count == 1 ? inputs[1][0] : inputs[1][place],
                    { $0 - $1 }), let low = differences.values.min(), let high = differences.values.max()
            else { return }
            lengths.append(Double(length))
            lows.append(low)
            highs.append(high)
        }
        var bound: Int?
        if lows.allSatisfy({ $0 >= atLeast.above }), lows.max() != lows.min() {
            bound = Self.longest(lengths, lows, atLeast.above)
        } else if highs.allSatisfy({ $0 <= atLeast.below }), highs.max() != highs.min() {
            bound = Self.longest(lengths, highs, atLeast.below)
        }
        guard let bound, bound >= Int(lengths.max() ?? 0) else { return }
        positions = min(positions ?? .max, bound)
    }

    /// Bounds the length of sequences to the entries of a table, of which a slice takes as many as a sequence has, or some more.
    ///
    /// - Parameters:
    ///   - ends: one past the last entry that the slice takes, for each probe.
    ///   - counts: the entries that there are.
    mutating func boundPositions(slicing counts: [Int], to ends: [Int]) {
        guard let count = counts.first, counts.allSatisfy({ $0 == count }) else { return }
        var lengths: [Double] = []
        for probe in probes {
            guard case .tokens(_, let length) = probe else { return }
            lengths.append(Double(length))
        }
        guard let bound = Self.longest(lengths, ends.map(Double.init), Double(count)), bound >= Int(lengths.max() ?? 0) else { return }
        positions = min(positions ?? .max, bound)
    }

    /// The length up to which numbers that change evenly with it do not pass a limit.
    private static func longest(_ lengths: [Double], _ numbers: [Double], _ limit: Double) -> Int? {
        guard let other = lengths.indices.first(where: { lengths[$0] != lengths[0] }) else { return nil }
        let slope = (numbers[other] - numbers[0]) / (lengths[other] - lengths[0])
        let start = numbers[0] - slope * lengths[0]
        guard slope != 0, zip(lengths, numbers).allSatisfy({ abs(start + slope * $0 - $1) < 1e-6 * max(1, abs($1)) }) else { return nil }
        let last = (limit - start) / slope
        return last >= 1 && last < 1e9 ? Int(last.rounded(.down)) : nil
    }
}
