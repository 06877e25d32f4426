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

    /// Keeps how large the whole numbers of an operation's output may be, where it is known: those that count what tokens are.
    mutating func followLargest(_ site: String, _ operation: any Operation, _ inputs: [String], _ shapes: [[Int]]) {
        guard case .tokens = graph.input else { return }
        var read: [[Double]] = []
        for input in inputs {
            guard let own = largest[input] else { break }
            read.append(own)
        }
        let isKnown = !inputs.isEmpty && read.count == inputs.count
        func combined(_ combine: (Double, Double) -> Double) -> [Double]? {
            isKnown ? read.dropFirst().reduce(read[0]) { zip($0, $1).map(combine) } : nil
        }
        let numbers: [Double]?
        switch operation {
        case let stored as StoredValues:
            let elements = stored.numbers.map { $0.count <= 1 << 16 ? $0.elements : [] } ?? []
            numbers = elements.allSatisfy { $0 >= 0 } ? elements.max().map { most in probes.map { _ in Double(most) } } : nil
        case let arithmetic as Arithmetic:
            switch arithmetic.function {
            case .equal, .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .exclusiveOr: numbers = probes.map { _ in 1 }
            case .add: numbers = inputs.count > 1 ? combined(+) : nil
            case .multiply: numbers = inputs.count > 1 ? combined(*) : nil
            default: numbers = nil
            }
        case is Sum: numbers = combined(+)
        case is GatedProduct: numbers = combined(*)
        case let scaling as Scaling: numbers = isKnown && scaling.factor >= 0 ? read[0].map { $0 * Double(scaling.factor) } : nil
        case let curve as ElementCurve:
            switch curve.function {
            case .not, .isNaN, .truth: numbers = probes.map { _ in 1 }
            case .truncate: numbers = combined(+)
            case .shift(let number): numbers = isKnown && number >= 0 ? read[0].map { $0 + Double(number) } : nil
            default: numbers = nil
            }
        case let sum as RunningSum: numbers = isKnown ? zip(read[0], shapes).map { $0 * Double($1[sum.axis]) } : nil
        case is Reshape, is Rearrangement, is Identity: numbers = combined(+)
        default: numbers = nil
        }
        if let numbers { largest[site] = numbers }
    }

    /// Bounds the length of sequences by the entries of a table that numbers choose from, which grow with it.
    mutating func boundPositions(_ numbers: String, entries count: Int) {
        guard let most = largest[numbers], most.allSatisfy({ $0 < 1e9 }),
            case .number(let factor, perSample: false, perPosition: true, let offset)? = ShapeTemplate.Length(most.map { Int($0) }, probes),
            factor > 0
        else { return }
        positions = min(positions ?? .max, max(1, (count - 1 - offset) / factor))
    }
}
