import Evaluation
import Interventions
import Networks
import Tensors
import Text

/// What an edge outside the circuit carries.
package enum EdgeAblation: String, Sendable, CaseIterable {
    /// Its value on the corrupted sample of the pair.
    case corrupted
    /// Nothing.
    case zero
    /// Its mean over all clean samples and positions.
    case mean

    /// The documentation of the value for help and manual, one sentence.
    package var documentation: String {
        switch self {
        case .corrupted: "The source's value on the pair's corrupted sample."
        case .zero: "0."
        case .mean: "The source's mean over the clean samples and positions."
        }
    }
}

/// An experiment on the edges of a graph: the pairs, the metric, and what an edge outside the circuit carries.
package struct EdgeExperiment: Sendable {
    package let graph: EdgeGraph
    package let batches: PairBatches
    package let metric: BehaviourMetric
    package let ablation: EdgeAblation
    package let threads: Int
    /// The sources' means, one row each, if they are ablated by them.
    private let means: EdgeEmissions?
    /// The mean of each stage's stream.
    private let meanStreams: [Tensor]

    /// The most elements of a batch's sources if the number of pairs in a batch is not given: more would not be faster.
    private static let budget = 1 << 24
    /// The rows of a product, one for each position of each sample, that a batch should have.
    private static let fewestRows = 64
    /// The rows for which it is worth to read all parameters; so that a batch has them, its sources may have a quarter as many elements as
    /// there are parameters.
    private static let wide = 256
    /// How many copies of the sources' outputs are in memory: clean, ablated, and what is read from both.
    private static let copies = 3

    /// The number of pairs in a batch whose sources fit into a budget.
    ///
    /// - Parameter wanted: the number that the user requested.
    /// - Throws: ``Problem`` if a pair does not fit the network, or what the sources give does not fit into memory.
    package static func batchSize(_ graph: EdgeGraph, pairs: BehaviourPairs, wanted: Int?, for method: EdgeMethod) throws -> Int {
        try PairBatches.check(pairs, graph.network)
        let longest = (0..<pairs.count).map(pairs.length(of:)).max() ?? 1
        let shape: BatchShape = longest > 0 ? .tokens(samples: 1, length: longest) : graph.network.exampleBatch
        let shapes = try graph.network.shapes(for: shape)
        var elements = 0
        for (space, sources) in graph.spaces.enumerated() {
            let node = graph.beginning(ofSpace: space).map { graph.stages[$0].emission } ?? graph.input
            elements += sources.count * shapes[node.index].reduce(1, *) / max(shape.samples, 1)
        }
        let part = max((pairs.count + method.parts - 1) / method.parts, fewestRows / max(longest, 1))
        let parameters = graph.network.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let room = max(budget / max(elements, 1), min(wide / max(longest, 1), parameters / 4 / max(elements, 1)))
        let chosen = wanted ?? max(1, min(64, part, room))

        let held = method.keepsBatches ? pairs.count : min(chosen, pairs.count)
        let (bytes, overflow) = (elements * copies * MemoryLayout<Float>.size).multipliedReportingOverflow(by: held)
        let limit = PhysicalMemory.byteCount
        guard !overflow, bytes <= limit else {
            throw Problem(
                pairs.name, "what the sources of \(held) \(held == 1 ? "pair gives" : "pairs give") does not fit into memory",
                expected: "at most \(limit) bytes", found: overflow ? "more than can be counted" : "\(bytes)",
                hint: method.keepsBatches ? .useFewerPairs : wanted == nil ? nil : .useSmallerBatch)
        }
        return chosen
    }

    /// - Throws: ``Problem`` if pairs lack the answers that the metric reads.
    package init(_ graph: EdgeGraph, _ batches: PairBatches, metric: BehaviourMetric, ablation: EdgeAblation, threads: Int) throws {
        try metric.check(batches.pairs)
        self.graph = graph
        self.batches = batches
        self.metric = metric
        self.ablation = ablation
        self.threads = max(1, threads)
        guard ablation == .mean else {
            (means, meanStreams) = (nil, [])
            return
        }
        var sums = EdgeMeans(graph)
        let team = Team(size: max(1, threads))
        let nodes = Set(EdgeEmissions.nodes(graph) + graph.stages.map(\.stream))
        for place in batches.batches.indices {
            let executor = try Executor(graph.network, batch: batches.shape(place), request: RunRequest(recorded: nodes), team: team)
            sums.add(executor.run(batches.clean(place)))
        }
        (means, meanStreams) = (sums.emissions, sums.streams)
    }

    /// The outputs of ablated sources, if they do not depend on the corrupted samples.
    func ablated(like clean: EdgeEmissions) -> EdgeEmissions? {
        switch ablation {
        case .corrupted: nil
        case .zero: clean.map { MutableTensor.zeros($0.shape) }
        case .mean: means.map { clean.combined(with: $0) { EdgeMeans.spread($1, like: $0) } }
        }
    }

    /// The input of a stage if all sources are ablated, in the shape of its stream; nil if it is that of the corrupted run.
    func ablatedStream(_ stage: Int, like stream: Tensor) -> Tensor? {
        switch ablation {
        case .corrupted: return nil
        case .mean: return EdgeMeans.spread(meanStreams[stage], like: stream)
        case .zero:
            let result = MutableTensor.zeros(stream.shape)
            if let constant = graph.stages[stage].constant { Product.repeatRow(constant, into: result, team: Team(size: 1)) }
            return result
        }
    }
}

/// Means of recorded outputs over samples and positions: one row for sequences, one sample for other inputs.
struct EdgeMeans {
    private let graph: EdgeGraph
    private var sums: [NodeID: [Double]] = [:]
    private var shapes: [NodeID: [Int]] = [:]
    private var counts: [NodeID: Int] = [:]

    init(_ graph: EdgeGraph) { self.graph = graph }

    mutating func add(_ run: RecordedRun) {
        for node in Set(EdgeEmissions.nodes(graph) + graph.stages.map(\.stream)) {
            guard let value = run[node] else { continue }
            let width = value.shape.count == 3 ? value.width : value.count / max(value.shape[0], 1)
            var sum = sums[node] ?? [Double](repeating: 0, count: width)
            value.withElements { elements in
                for (place, element) in elements.enumerated() { sum[place % width] += Double(element) }
            }
            sums[node] = sum
            shapes[node] = value.shape.count == 3 ? [width] : Array(value.shape.dropFirst())
            counts[node, default: 0] += value.count / max(width, 1)
        }
    }

    private func mean(_ node: NodeID) -> Tensor {
        let count = Double(max(counts[node] ?? 1, 1))
        return Tensor(shape: shapes[node] ?? [0], (sums[node] ?? []).map { Float($0 / count) })
    }

    var emissions: EdgeEmissions {
        let all = EdgeEmissions.nodes(graph).map(mean)
        return EdgeEmissions(input: all[0], stages: Array(all.dropFirst()))
    }

    var streams: [Tensor] { graph.stages.map { mean($0.stream) } }

    /// A mean in every row of a tensor of that shape.
    static func spread(_ mean: Tensor, like value: Tensor) -> Tensor {
        let result = MutableTensor(uninitialized: value.shape)
        Product.repeatRow(mean.reshaped([mean.count]), into: result, team: Team(size: 1))
        return result
    }
}
