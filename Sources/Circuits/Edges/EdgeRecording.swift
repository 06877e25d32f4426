import Evaluation
import Interventions
import Networks
import Tensors

/// The recorded clean and corrupted runs of one batch of pairs, from which all computations about edges start.
struct EdgeRecording: Sendable {
    let place: Int
    /// The sources' outputs in the clean run.
    let clean: EdgeEmissions
    /// The outputs of ablated sources.
    let ablated: EdgeEmissions
    /// What each stage reads in the clean run.
    let streams: [Tensor]
    /// What each stage reads where all sources are ablated.
    let ablatedStreams: [Tensor]
    /// The readers' outputs in the clean run, with all readers of a node side by side.
    let targets: [NodeID: Tensor]
    let cleanLogits: Tensor
    /// The scores that no edge carries, [pairs, answers]; nil if there are none.
    let constantScores: Tensor?
    let answers: PairAnswers

    var pairs: Int { cleanLogits.rows }
    /// Whether the streams are [samples, length, width].
    var isSequence: Bool { ablatedStreams[0].shape.count == 3 }

    /// The nodes whose outputs a run must record.
    static func nodes(_ graph: EdgeGraph) -> Set<NodeID> { Set(EdgeEmissions.nodes(graph) + graph.stages.map(\.stream) + targets(graph)) }

    /// Runs both samples of a batch's pairs.
    init(_ experiment: EdgeExperiment, place: Int, team: Team) throws {
        let graph = experiment.graph
        let batches = experiment.batches
        let targets = Self.targets(graph)
        let executor = try Executor(
            graph.network, batch: batches.shape(place), request: RunRequest(recorded: Self.nodes(graph)), team: team)
        let output = EdgeOutput(graph)

        let corrupted = executor.run(batches.corrupted(place))
        let corruptedStreams = Self.streams(corrupted, graph)
        let corruptedEmissions = EdgeEmissions(corrupted, graph).map { $0.copied() }

        let run = executor.run(batches.clean(place))
        let streams = Self.streams(run, graph)
        let clean = EdgeEmissions(run, graph).map { $0.copied() }
        constantScores = graph.constantScores(batches.clean(place))
        cleanLogits = output.logits(streams[streams.count - 1], adding: constantScores, team: team)
        self.targets = targets.reduce(into: [:]) { result, node in result[node] = run[node]?.copied() }
        ablated = experiment.ablated(like: clean) ?? corruptedEmissions
        ablatedStreams = streams.indices.map { experiment.ablatedStream($0, like: streams[$0]) ?? corruptedStreams[$0] }
        self.clean = clean
        self.streams = streams
        self.place = place
        answers = batches.answers(place)
    }

    /// The nodes that readers write, except for the output's.
    static func targets(_ graph: EdgeGraph) -> [NodeID] {
        var seen: Set<NodeID> = []
        return graph.stages.filter { !$0.isOutput }.flatMap { $0.units.flatMap { $0.targets.map(\.node) } }.filter {
            seen.insert($0).inserted
        }
    }

    private static func streams(_ run: RecordedRun, _ graph: EdgeGraph) -> [Tensor] {
        graph.stages.map { stage in
            guard let value = run[stage.stream] else { preconditionFailure("no stream") }
            return value.copied()
        }
    }
}
