import Checkpoints
import Tensors

/// Computes nodes of a graph that read no data, so that what they are shows in their numbers, however an exporter has written them out.
struct FixedNumbers {
    private let graph: ShapedGraph
    private let checkpoint: Checkpoint
    private let input: Network.Input
    /// The longest sequences that the graph is known to run; nil if nothing bounds them.
    let longest: Int?
    /// The nodes that depend on the size of a batch at most.
    private let fixed: Set<String>

    init(_ graph: ShapedGraph, _ checkpoint: Checkpoint, _ input: Network.Input) {
        self.graph = graph
        self.checkpoint = checkpoint
        self.input = input
        longest = if case .tokens(_, let positions) = input { positions } else { nil }
        var fixed: Set<String> = []
        for node in graph.nodes {
            let isSource = node.operation is StoredValues || node.operation is BatchNumbers || node.operation is PositionEmbedding
            if isSource || (!node.inputs.isEmpty && node.inputs.allSatisfy(fixed.contains)) { fixed.insert(node.name) }
        }
        self.fixed = fixed
    }

    /// The length of sequences of tokens that the graph fixes.
    private var fixedLength: Int? {
        var lengths: Set<Int> = []
        for probe in graph.probes { if case .tokens(_, let length) = probe { lengths.insert(length) } }
        return lengths.count == 1 && graph.probes.count > 1 ? lengths.first : nil
    }

    func contains(_ node: String) -> Bool { fixed.contains(node) }

    /// A batch of samples of a length; nil if the graph fixes another length.
    ///
    /// - Parameter length: nil for that of the first probe.
    func batch(samples: Int, length: Int?) -> BatchShape? {
        switch graph.probes[0] {
        case .tokens(_, let own):
            length == nil || length == own || fixedLength == nil ? .tokens(samples: samples, length: length ?? own) : nil
        case .values(let shape): length == nil ? .values([samples] + shape.dropFirst()) : nil
        }
    }

    /// The last node through which everything goes that a node reads of the data; nil if there is none, or it is too far.
    func origin(of name: String) -> String? {
        guard let node = graph.node(name) else { return nil }
        func read(_ node: NetworkGraph.Node) -> [Int] { node.inputs.filter { !fixed.contains($0) }.compactMap { graph.places[$0] } }
        var places = Set(read(node))
        for _ in 0..<64 {
            guard places.count > 1, let last = places.max() else { break }
            places.remove(last)
            let before = read(graph.nodes[last])
            if before.isEmpty { return nil }
            places.formUnion(before)
        }
        return places.count == 1 ? places.first.map { graph.nodes[$0].name } : nil
    }

    /// The numbers of a node for a batch; nil if they depend on data.
    ///
    /// - Parameter given: numbers in place of those of a node before it.
    func numbers(_ name: String, _ batch: BatchShape, given: (name: String, numbers: Tensor)? = nil) -> Tensor? {
        var needed: Set<Int> = []
        var waiting = graph.places[name].map { [$0] } ?? []
        while let place = waiting.popLast() {
            guard needed.insert(place).inserted else { continue }
            let node = graph.nodes[place]
            if node.name == given?.name { continue }
            guard given != nil || fixed.contains(node.name) || node.operation is InputOperation || node.operation is TokenNumbers else {
                return nil
            }
            waiting += node.inputs.compactMap { graph.places[$0] }
        }
        var part = NetworkGraph(input: input, output: name)
        part.nodes = needed.sorted().map { place in
            let node = graph.nodes[place]
            guard let given, node.name == given.name else {
                var plain = node
                plain.fusion = nil
                return plain
            }
            return .init(node.name, StoredValues(given.numbers))
        }
        guard let network = try? part.network(of: checkpoint, outputWidth: 1), (try? network.values.check(holdingAll: true)) != nil,
            let shapes = try? network.shapes(for: batch), shapes.allSatisfy({ $0.reduce(1, *) <= 1 << 25 }),
            let executor = try? Executor(network, batch: batch, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        else { return nil }
        let data: Batch
        switch batch {
        case .tokens(let samples, let length):
            data = .tokens(TokenBatch(ids: [Int32](repeating: 0, count: samples * length), samples: samples, length: length))
        case .values(let shape): data = .values(Tensor(shape: shape, [Float](repeating: 0, count: shape.reduce(1, *))))
        }
        return executor.run(data)[network.output]?.copied()
    }

    /// Whether a node is computed from another, and from what is the same for all data, alone.
    func isComputed(_ name: String, fromAlone origin: String) -> Bool {
        var seen: Set<Int> = []
        var waiting = [name]
        while let name = waiting.popLast() {
            guard name != origin, !fixed.contains(name), let place = graph.places[name], seen.insert(place).inserted else { continue }
            let inputs = graph.nodes[place].inputs
            if inputs.isEmpty { return false }
            waiting += inputs
        }
        return true
    }

    /// Whether a node is 1 for rows of scores that are all hidden, and 0 for those with a visible one: what PyTorch's attention asks, so that
    /// rows that see nothing have no shares.
    func tellsUnseenRows(_ name: String, of scores: String) -> Bool {
        guard name != scores, isComputed(name, fromAlone: scores), let batch = batch(samples: graph.probes[0].samples, length: nil),
            let shape = graph.shapes[scores]?[0], let width = shape.last, width > 0, shape.reduce(1, *) <= 1 << 22
        else { return false }
        /// The answers for scores of which each row shows those that a function chooses.
        func answers(_ shows: (_ row: Int, _ column: Int) -> Bool) -> [Float]? {
            let rows = (0..<shape.reduce(1, *)).map { place in
                shows(place / width, place % width) ? Float(place % 7) * 3e5 - 9e5 : -Float.infinity
            }
            return numbers(name, batch, given: (scores, Tensor(shape: shape, rows)))?.elements
        }
        guard let unseen = answers({ _, _ in false }), let seen = answers({ _, _ in true }), let single = answers({ $1 == $0 % width }),
            let some = answers({ ($0 + $1) % 2 == 0 || $1 == width - 1 })
        else { return false }
        return !unseen.isEmpty && unseen.allSatisfy { $0 == 1 } && [seen, single, some].allSatisfy { $0.allSatisfy { $0 == 0 } }
    }

    /// A node and those that it is computed from, each once, without another node and what only that is computed from.
    private func sources(of name: String, until origin: String? = nil) -> [NetworkGraph.Node] {
        var found: [NetworkGraph.Node] = []
        var seen: Set<Int> = []
        var waiting = graph.places[name].map { [$0] } ?? []
        while let place = waiting.popLast() {
            let node = graph.nodes[place]
            guard node.name != origin, seen.insert(place).inserted else { continue }
            found.append(node)
            waiting += node.inputs.compactMap { graph.places[$0] }
        }
        return found
    }

    /// The single numbers that a node is made of, whole ones alone.
    func wholeNumbers(before name: String) -> [Int] {
        var found: Set<Int> = []
        for node in sources(of: name) {
            var numbers: [Float] = []
            if let constant = (node.operation as? StoredValues)?.numbers, constant.count == 1 { numbers = constant.elements }
            if case .shift(let number)? = (node.operation as? ElementCurve)?.function { numbers = [number] }
            for number in numbers where number.isFinite && number == number.rounded() && abs(number) < 1e9 {
                found.insert(Int(abs(number)))
            }
        }
        return found.sorted()
    }

    /// The entries of the shortest table that positions choose from between two nodes; nil if there is none.
    func tableLength(before name: String, until origin: String) -> Int? {
        var length: Int?
        for node in sources(of: name, until: origin) {
            var table: [Int]?
            var axis = 0
            if let lookup = node.operation as? EntryLookup, lookup.constant == nil {
                table = lookup.isOfParameter ? node.parameters.first?.shape : node.inputs.first.flatMap { graph.shapes[$0]?[0] }
                axis = lookup.axis
            } else if node.operation is PositionEmbedding {
                table = node.parameters.first?.shape
            }
            if let table, table.indices.contains(axis), table[axis] > 1 { length = min(length ?? .max, table[axis]) }
        }
        return length
    }

    /// Lists of numbers that a node is made of, of a length.
    func lists(of count: Int, before name: String, until origin: String) -> [[Float]] {
        var lists: [[Float]] = []
        for node in sources(of: name, until: origin) {
            for parameter in node.parameters where parameter.shape.reduce(1, *) == count {
                if let record = checkpoint[parameter.tensor], record.elementCount == count { lists.append(record.floats()) }
            }
            if let constant = (node.operation as? StoredValues)?.numbers, constant.count == count { lists.append(constant.elements) }
        }
        return lists
    }
}

// MARK: Masks

extension FixedNumbers {
    /// How numbers say which positions are visible.
    enum MaskReading {
        /// 0 is added to the scores of visible positions, a number far below to the others.
        case summand
        /// Numbers other than 0 stand for visible positions.
        case shown
        /// Numbers other than 0 stand for hidden ones.
        case hidden
        /// The scores of visible positions are multiplied by 1, the others by 0.
        case factor
    }

    /// The positions that numbers leave visible; nil if they are no mask.
    func mask(_ name: String, _ reading: MaskReading) -> AttentionMask? {
        guard contains(name), case .tokens = graph.probes[0] else { return nil }
        // Windows of more positions than are looked at would not show.
        let wide = wholeNumbers(before: name).filter { $0 > 40 && $0 < 1 << 20 }
        var found: AttentionMask?
        for length in fixedLength.map({ [$0] }) ?? Set([48] + wide.map { $0 + 2 }).sorted() {
            let length = min(length, longest ?? length)
            guard length <= Self.mostPositions, let batch = batch(samples: 1, length: length), let numbers = numbers(name, batch),
                let mask = Self.mask(numbers, length, reading)
            else { return nil }
            if let known = found, known != mask, known != .causal || mask == .none { return nil }
            found = mask
        }
        return found
    }

    /// The positions that a stored tensor leaves visible in scores of sequences of the one length that the graph runs; nil if it is no mask.
    func mask(_ stored: NetworkGraph.Parameter, _ reading: MaskReading) -> AttentionMask? {
        guard let length = fixedLength, length <= Self.mostPositions, let record = checkpoint[stored.tensor],
            record.elementCount == stored.shape.reduce(1, *), stored.shape.suffix(2) == [length, length]
        else { return nil }
        return Self.mask(Tensor(shape: stored.shape, record.floats()), length, reading)
    }

    /// The most positions for which a mask is looked at.
    private static let mostPositions = 4200

    private static func mask(_ numbers: Tensor, _ length: Int, _ reading: MaskReading) -> AttentionMask? {
        let shape = numbers.shape
        guard shape.suffix(2) == [length, length] else { return nil }
        let elements = numbers.elements
        let square = length * length
        guard (square..<elements.count).allSatisfy({ elements[$0] == elements[$0 % square] }) else { return nil }
        func isVisible(_ place: Int) -> Bool? {
            let number = elements[place]
            switch reading {
            case .shown: return number != 0
            case .hidden: return number == 0
            case .factor: return number == 1 ? true : number == 0 ? false : nil
            case .summand: return number == 0 ? true : number <= GraphMask.hidden ? false : nil
            }
        }
        // The first and the last visible position of each row, without gaps.
        var firsts: [Int] = []
        var isOpen = true
        for row in 0..<length {
            var visible: [Int] = []
            for column in 0..<length {
                guard let sees = isVisible(row * length + column) else { return nil }
                if sees { visible.append(column) }
            }
            guard let first = visible.first, let last = visible.last, last - first + 1 == visible.count else { return nil }
            if last != length - 1 { isOpen = false }
            if !isOpen, last != row { return nil }
            if isOpen, first != 0 { return nil }
            firsts.append(first)
        }
        if isOpen { return AttentionMask.none }
        if firsts.allSatisfy({ $0 == 0 }) { return .causal }
        guard let size = firsts.firstIndex(where: { $0 > 0 }) else { return nil }
        if firsts.indices.allSatisfy({ firsts[$0] == max(0, $0 - size + 1) }) { return .window(size) }
        if firsts.indices.allSatisfy({ firsts[$0] == $0 / size * size }) { return .chunk(size) }
        return nil
    }

    /// The slope of each head in numbers that are added to scores and fall with the distance of a key, up to one number for each query.
    func slopes(_ name: String, heads: Int) -> [Float]? {
        let length = fixedLength ?? min(24, longest ?? 24)
        guard length > 1, contains(name), let batch = batch(samples: 2, length: length), let numbers = numbers(name, batch) else {
            return nil
        }
        var shape = numbers.shape
        // Heads may share a dimension with the two samples.
        if shape.count == 3, shape[0] == 2 * heads { shape = [2, heads] + shape.dropFirst() }
        shape = [Int](repeating: 1, count: max(0, 4 - shape.count)) + shape
        guard shape.count == 4, shape[1] == heads, shape[3] == length, shape[2] == 1 || shape[2] == length else { return nil }
        let elements = numbers.elements
        var slopes: [Float] = []
        for head in 0..<heads {
            let start = head * shape[2] * length
            let slope = (elements[start + length - 1] - elements[start]) / Float(length - 1)
            slopes.append(slope)
            guard slope > 0 else { return nil }
        }
        for sample in 0..<shape[0] {
            for head in 0..<heads {
                for row in 0..<shape[2] {
                    let start = ((sample * heads + head) * shape[2] + row) * length
                    for column in 0..<length {
                        let expected = elements[start] + slopes[head] * Float(column)
                        guard abs(elements[start + column] - expected) <= 1e-5 * max(1, abs(expected)) else { return nil }
                    }
                }
            }
        }
        return slopes
    }
}
