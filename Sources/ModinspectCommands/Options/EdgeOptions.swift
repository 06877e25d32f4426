import Evaluation
import ArgumentParser
import Circuits
import Interventions

extension EdgeGranularity: Choice {}
extension EdgeAblation: Choice {}
extension EdgeSelection: Choice {}

/// How circuits of edges are found.
struct EdgeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "edges: the nodes of the graph; component without this option, neuron for plain chains.",
            discussion: EdgeGranularity.list))
    var granularity: EdgeGranularity?

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            edges: the clusters of --granularity cluster: the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(
        help: ArgumentHelp(
            "edges: the metric whose change scores an edge; logit-diff without this option, kl with acdc.",
            discussion: BehaviourMetric.list))
    var metric: BehaviourMetric?

    @Option(
        help: ArgumentHelp(
            "edges: what an edge outside the circuit carries.",
            discussion: EdgeAblation.list))
    var ablation = EdgeAblation.corrupted

    @Option(help: ArgumentHelp("eap-ig: the number of runs over which the gradient is averaged; 5 without this option.", valueName: "n"))
    var steps: Int?

    @Option(help: ArgumentHelp("edges: keep the N edges with the largest scores.", valueName: "n"))
    var edges: Int?

    @Option(
        help: ArgumentHelp(
            "edges: keep edges whose score is at least X; acdc: edges whose removal hurts the metric by at least X, 0.01 without this option.",
            valueName: "x"), transform: { try NumberRange.nonNegative.number($0) })
    var threshold: Double?

    @Option(
        name: .customLong("target-faithfulness"),
        help: ArgumentHelp(
            "edges: keep the fewest top-scoring edges that are this faithful; 0.9 without --edges and --threshold.",
            valueName: "f"), transform: { try NumberRange.any.number($0) })
    var target: Double?

    @Option(
        help: ArgumentHelp(
            "edges: how edges are selected for the circuit.",
            discussion: EdgeSelection.list))
    var selection: EdgeSelection?

    /// The options that were given, for methods to which they do not apply.
    var given: [String] {
        [
            ("--granularity", granularity != nil), ("--clusters", clusterFile != nil), ("--metric", metric != nil),
            ("--ablation", ablation != .corrupted), ("--steps", steps != nil), ("--edges", edges != nil), ("--threshold", threshold != nil),
            ("--target-faithfulness", target != nil), ("--selection", selection != nil),
        ].filter(\.1).map(\.0)
    }

    mutating func validate() throws {
        if let steps, !(1...10_000).contains(steps) { throw ValidationError("--steps must be between 1 and 10000") }
        if let edges, edges < 0 { throw ValidationError("--edges must be at least 0") }
        if [edges != nil, threshold != nil, target != nil].filter(\.self).count > 1 {
            throw ValidationError("--edges, --threshold and --target-faithfulness cannot be combined")
        }
        if granularity == .cluster, clusterFile == nil { throw ValidationError("--granularity cluster needs --clusters") }
        if clusterFile != nil, granularity != .cluster { throw ValidationError("--clusters requires --granularity cluster") }
    }

    /// Checks what depends on the method.
    func validate(for method: CircuitMethod) throws {
        if method != .eapIG, steps != nil { throw ValidationError("--steps requires --method eap-ig") }
        if method == .acdc, edges != nil || target != nil || selection != nil {
            throw ValidationError(
                "acdc selects edges by --threshold; --edges, --target-faithfulness and --selection cannot be combined with it")
        }
        if method == .eap, metric == .divergence {
            throw ValidationError("the gradient of --metric kl is 0 at the clean run, where eap computes it; use eap-ig or another metric")
        }
    }

    /// The library's method; nil for those that are not about edges.
    func method(_ method: CircuitMethod) -> EdgeMethod? {
        switch method {
        case .prune: return nil
        case .exact: return .exact
        case .eap: return .attribution(steps: 1)
        case .eapIG: return .attribution(steps: steps ?? EdgeMethod.standardSteps)
        case .acdc: return .discovery(threshold: threshold ?? EdgeMethod.standardThreshold)
        }
    }

    /// The requested size of the circuit; nil if not given.
    func size(_ method: CircuitMethod) -> EdgeCircuitSize? {
        if method == .acdc { return nil }
        if let edges { return .edges(edges) }
        if let threshold { return .threshold(threshold) }
        return target.map(EdgeCircuitSize.faithfulness)
    }
}
