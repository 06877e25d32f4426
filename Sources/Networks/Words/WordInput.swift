import Checkpoints
import Text

/// What the samples of a network in words are, as far as its first elements determine it.
struct WordInput {
    /// A shape of samples for which a graph may be built.
    struct Probe {
        let input: Network.Input
        /// The batch for which shapes are followed; nil if they are not.
        let batch: BatchShape?
        /// A batch of another length, which shows whether the length is open.
        var other: BatchShape?

        /// Sets of batches of different sizes, so that what depends on the size shows; the first that the graph can run is meant.
        var batches: [[BatchShape]] {
            switch (input, batch) {
            case (.tokens(_, let positions), _):
                let most = positions ?? 11
                return [[(2, 3), (3, 5), (5, 4), (7, 11)].map { .tokens(samples: $0.0, length: min($0.1, most)) }]
            case (.values(let lengths), .values(let shape)?):
                guard lengths.contains(nil) else { return [[2, 3, 5].map { .values([$0] + shape.dropFirst()) }] }
                return [{ $0 + $1 }, { $0 * ($1 + 1) }].map { (length: (Int, Int) -> Int) in
                    [(2, 0), (3, 2), (5, 1)].map { samples, step in
                        .values([samples] + zip(lengths, shape.dropFirst()).map { $0 ?? length($1, step) })
                    }
                }
            default: return []
            }
        }

        /// The same for samples of the batch's shape alone.
        var fixed: Probe {
            guard case .values(let shape)? = batch else { return self }
            return Probe(input: .values(shape: shape.dropFirst().map { $0 }), batch: batch)
        }
    }

    let probes: [Probe]
    let isOfTokens: Bool
    /// Whether some element determines the samples.
    let isKnown: Bool
    /// Whether an element says what samples are; otherwise the first layer with weights is taken to read them.
    let isGiven: Bool

    /// Whether an element gives the shape of samples, as `input(3x32x32)` does.
    static func isInput(_ element: Architecture.Element) -> Bool { element.name == "input" && !element.settings.isEmpty }

    /// - Throws: ``Problem`` for a shape that is none.
    init(_ architecture: Architecture, _ modules: ModuleNames, _ checkpoint: Checkpoint) throws(Problem) {
        func isModule(_ element: Architecture.Element) -> Bool { modules.module(of: element, in: checkpoint) != nil }
        let elements = architecture.elements
        let isGraph = elements.contains { element in
            if element.label != nil { return true }
            if let module = modules.module(of: element, in: checkpoint) { return module.tensors["in_proj_weight"] != nil }
            return element.name == "input" || WordOperations.entries[element.name.lowercased()] != nil
        }
        if let first = elements.first, !isModule(first), first.name.lowercased() == "embedding" {
            isOfTokens = true
            isKnown = true
            isGiven = true
            let table = first.settings.first { $0.name == nil }.flatMap { checkpoint[$0.value] ?? checkpoint[$0.value + ".weight"] }
            // Positions of their own bound the length.
            let positions = elements.filter { $0.name.lowercased() == "positions" }.compactMap { element in
                element.settings.first.flatMap { (checkpoint[$0.value] ?? checkpoint[$0.value + ".weight"])?.shape.first }
            }
            probes = [
                Probe(
                    input: .tokens(vocabulary: table?.shape.first ?? 1, positions: positions.min()),
                    batch: .tokens(samples: 3, length: min(5, positions.min() ?? 5)))
            ]
            return
        }
        isOfTokens = false
        if let first = elements.first, Self.isInput(first), !isModule(first) {
            let shape = try Self.shape(first)
            isKnown = true
            isGiven = true
            probes = Self.batches(shape).map { Probe(input: .values(shape: shape), batch: .values($0)) }
            return
        }
        let found = Self.shape(before: elements, modules, checkpoint)
        isKnown = found != nil
        isGiven = false
        let shape = found ?? []
        let plain = Probe(input: .values(shape: shape), batch: nil)
        guard isGraph, found != nil else {
            probes = [plain]
            return
        }
        var probes = Self.batches(shape).map { Probe(input: .values(shape: shape), batch: .values($0)) }
        if shape.count == 1 {
            // Rows of numbers may also be sequences of them, of any length or of that of a table.
            let width = shape.map { $0 ?? 1 }
            for length in [5] + Self.lengths(elements, checkpoint) {
                probes.append(
                    Probe(
                        input: .values(shape: [nil] + shape), batch: .values([3, length] + width), other: .values([3, length + 3] + width)))
            }
        } else {
            // What the size of images must be shows when they are read.
            probes.append(plain)
        }
        self.probes = probes
    }

    /// The lengths of tables that elements name, as of learned positions; at most a few.
    private static func lengths(_ elements: [Architecture.Element], _ checkpoint: Checkpoint) -> [Int] {
        var lengths: Set<Int> = []
        for element in elements {
            for setting in element.settings where setting.name == nil {
                guard let shape = checkpoint[setting.value]?.shape, shape.count == 2 || shape.count == 3 else { continue }
                lengths.insert(shape[shape.count - 2])
            }
        }
        return lengths.filter { $0 > 0 && $0 != 5 && $0 < 1 << 20 }.sorted().suffix(8)
    }

    /// Batches of samples of a shape, with lengths to try where they are open.
    private static func batches(_ shape: [Int?]) -> [[Int]] {
        let sizes = shape.contains(nil) ? (shape.count < 3 ? [5] : [64, 224, 32, 28, 8]) : [0]
        return sizes.map { size in [3] + shape.map { $0 ?? size } }
    }

    /// The shape that an element gives.
    ///
    /// - Throws: ``Problem`` if it is none.
    static func shape(_ element: Architecture.Element) throws(Problem) -> [Int?] {
        let parts = element.settings[0].value.split(separator: "x", omittingEmptySubsequences: false)
        var shape: [Int?] = []
        for part in parts {
            if part == "any" {
                shape.append(nil)
            } else if let length = Int(part), (1...1 << 20).contains(length) {
                shape.append(length)
            }
        }
        guard element.settings.count == 1, element.settings[0].name == nil, shape.count == parts.count, shape.count <= 4 else {
            throw Problem(
                "is no shape of a sample", setting: .architecture, subject: "'\(element)'",
                expected: "up to four lengths, as in 3x32x32, 'any' for one that is open")
        }
        return shape
    }

    /// The shape that the first layer with weights and the operations before it read; nil if there is none.
    private static func shape(
        before elements: [Architecture.Element], _ modules: ModuleNames, _ checkpoint: Checkpoint
    ) -> [Int?]? {
        var leading = LeadingPart()
        for element in elements {
            if let module = modules.module(of: element, in: checkpoint) {
                if let product = module.tensors["in_proj_weight"], product.shape.count == 2 { return [product.shape[1]] }
                guard let weight = ModuleNames.weight(of: module.tensors) ?? module.tensors["running_mean"] else { return nil }
                if weight.shape.count == 1 {
                    if module.tensors["running_mean"] != nil { leading.pass(BatchNorm(), channels: weight.shape[0]) }
                    if element.settings.contains(where: { $0.name == "groups" }) {
                        leading.pass(GroupNorm(groups: nil), channels: weight.shape[0])
                    }
                } else {
                    return read(weight.shape, element, leading)
                }
            } else if let operation = try? ChainOperations.operation(element) {
                leading.pass(operation)
            } else if let name = element.settings.first(where: { $0.name == "weight" }), let weight = checkpoint[name.value] {
                if weight.shape.count == 2, element.settings.contains(.init("layout", "in_out")) { return [weight.shape[0]] }
                if weight.shape.count > 1 { return read(weight.shape, element, leading) }
            }
        }
        return nil
    }

    private static func read(_ weight: [Int], _ element: Architecture.Element, _ leading: LeadingPart) -> [Int?]? {
        if weight.count == 2 { return leading.inputShape(before: [weight[1]]) }
        guard weight.count == 4 else { return nil }
        var settings = SettingsReader(element)
        let groups = ((try? ChainOperations.convolution(&settings)) as? Convolution)?.groups ?? 1
        let (channels, overflows) = weight[1].multipliedReportingOverflow(by: groups)
        return overflows ? nil : leading.inputShape(before: [channels, nil, nil])
    }
}

/// The operations before a chain's first layer with weights, as far as they determine the shape of samples.
struct LeadingPart {
    private var channels: Int?
    /// Whether the samples are images.
    private var readsImages = false
    private var isFlattened = false

    /// Passes an operation, or a norm of this many channels.
    mutating func pass(_ operation: any Operation, channels norm: Int? = nil) {
        if isFlattened { return }
        switch operation {
        case is MaxPool, is AveragePool, is AdaptiveAveragePool: readsImages = true
        case is Flatten: isFlattened = true
        // A layer norm is over the last dimension, a batch norm over the channels.
        case is BatchNorm, is GroupNorm: channels = norm
        default: break
        }
    }

    /// The shape of the chain's samples, where its first layer with weights reads `shape`.
    func inputShape(before shape: [Int?]) -> [Int?] {
        guard shape.count == 1 else { return shape }
        if readsImages || (isFlattened && channels != nil) { return [channels, nil, nil] }
        return shape
    }
}
