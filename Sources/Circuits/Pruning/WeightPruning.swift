import Checkpoints
import Datasets
import Evaluation
import Networks
import Synchronization
import Tensors
import Text

/// The search for circuits of weights, which removes every weight that the objective does not need.
///
/// From the last weight matrix to the first, row by row, each weight is set to zero, and restored if the objective is violated
/// (Golechha et al., arXiv 2502.02470: the effective circuit size). Biases are kept. Circuits are searched for in parallel; the result
/// does not depend on how many at a time.
package struct WeightPruning: Sendable {
    package var objectives: [WeightObjective]
    /// The largest rise of the mean loss, or the largest mean divergence, in nats.
    package var tolerance: Double
    /// The random masks that each circuit is compared with.
    package var controls: Int
    /// How often the search for each circuit is repeated on data resampled within each class.
    package var resamples: Int
    package var seed: UInt64

    package init(objectives: [WeightObjective], tolerance: Double, controls: Int, resamples: Int = 0, seed: UInt64) {
        self.objectives = objectives
        self.tolerance = tolerance
        self.controls = controls
        self.resamples = resamples
        self.seed = seed
    }

    /// What was found.
    package struct Result: Sendable {
        /// How decisions were computed.
        package let precision: Precision
        /// The intact model on the data that circuits are judged on.
        package let intact: CircuitVerdict
        /// In the order of the objectives.
        package let circuits: [Circuit]
    }

    /// The precision in which it is decided whether a weight goes.
    package enum Precision: String, Sendable {
        /// Plain chains: everything.
        case double
        /// Other networks: what the network computes; losses are added up in double precision.
        case single
    }

    package struct Circuit: Sendable {
        package let objective: WeightObjective
        package let mask: WeightMask
        /// The samples that the objective looked at.
        package let samples: Int
        /// The mean over them of the loss, or of the divergence, of the intact model and of the circuit.
        package let intactLoss: Double
        package let loss: Double
        package let verdict: CircuitVerdict
        /// Random masks that keep the same number of weights in each layer.
        package let controls: [CircuitVerdict]
        /// nil if nothing was resampled. Its parts are the weights, layer by layer.
        package fileprivate(set) var bootstrap: CircuitBootstrap?

        /// For each kept weight of a layer of the mask the share of the resampled circuits that have it; nil without any.
        package func returned(layer: Int) -> [Double]? {
            guard let bootstrap else { return nil }
            let first = mask.layers[..<layer].reduce(0) { $0 + $1.isKept.count }
            return mask.layers[layer].kept.map { bootstrap.returned(first + $0) }
        }
    }

    /// Looks for the circuits.
    ///
    /// - Parameters:
    ///   - layers: the weight matrices that are pruned, in the model's order.
    ///   - batches: the samples that circuits are found with.
    ///   - heldOut: those that they are judged by.
    ///   - progress: called with the share of the work that was done since it was called last, from any thread.
    /// - Throws: ``Problem`` for layers that the network does not read and labels that no sample has.
    package func run(
        _ layers: [Layer], on batches: SampleBatches, heldOut: SampleBatches, threads: Int, progress: @escaping @Sendable (Double) -> Void
    ) throws -> Result {
        let network = batches.network
        let labels = try Self.labels(of: batches)
        guard network.outputWidth > 1 else {
            throw Problem(nil, "a model with one score has no classes to distinguish", expected: "at least 2 scores", found: "1")
        }
        let present = Set(labels.map(Int.init))
        for case let label? in objectives.map(\.label) where !present.contains(label) {
            throw Problem(
                batches.dataset.name, "no sample available to the circuit has the label \(label)",
                found: "labels \(Self.words(Set(labels).sorted()))")
        }
        let held = try HeldOutData(heldOut, targets: try Self.labels(of: heldOut), labels: objectives.compactMap(\.label))
        let parameters = try layers.map { layer in
            guard let parameter = network.parameter(named: layer.name) else {
                throw Problem("tensor '\(layer.name)'", "the network does not read it as a separate weight matrix")
            }
            return parameter
        }
        let weightCount = layers.reduce(0) { $0 + $1.tensor.elementCount }
        let share = 1 / Double(max(weightCount * objectives.count * (1 + resamples), 1))
        let report: @Sendable (Int) -> Void = { progress(Double($0) * share) }
        let search = try CircuitSearch(
            network, batches: batches, labels: labels, parameters: parameters, tolerance: tolerance, threads: threads)
        var circuits = try Parallel.map(count: objectives.count, threads: threads) { place in
            try circuit(
                objectives[place], layers, parameters, search, held, team: Self.team(threads, tasks: objectives.count), progress: report)
        }
        if resamples > 0 {
            let masks = circuits.map(\.mask)
            let found = try bootstraps(of: masks, layers, parameters, search, labels: labels, threads: threads, progress: report)
            for (place, bootstrap) in found.enumerated() { circuits[place].bootstrap = bootstrap }
        }
        return Result(precision: search.precision, intact: try held.verdict(nil, label: nil), circuits: circuits)
    }

    private func circuit(
        _ objective: WeightObjective, _ layers: [Layer], _ parameters: [ParameterID], _ search: CircuitSearch, _ held: HeldOutData,
        team: Team, progress: (Int) -> Void
    ) throws -> Circuit {
        let found = try search.circuit(objective, team: team, progress: progress)
        let network = search.network
        let mask = Self.mask(found, layers, parameters, network)
        let controls = try (0..<self.controls).map { index in
            let random = mask.randomMask(of: parameters.map { network.values[$0] }, seed: seed, index: index)
            return try held.verdict(random.applied(to: network.values, parameters), label: objective.label)
        }
        return Circuit(
            objective: objective, mask: mask, samples: found.samples, intactLoss: found.intactLoss, loss: found.loss,
            verdict: try held.verdict(found.parameters, label: objective.label), controls: controls, bootstrap: nil)
    }

    /// Every circuit again, with the samples of each resampling; one resampling's are the same for all circuits.
    private func bootstraps(
        of masks: [WeightMask], _ layers: [Layer], _ parameters: [ParameterID], _ search: CircuitSearch, labels: [Int32], threads: Int,
        progress: @Sendable (Int) -> Void
    ) throws -> [CircuitBootstrap] {
        let bootstraps = Mutex(masks.map { CircuitBootstrap(of: $0.isKept, resamples: resamples) })
        let count = masks.count * resamples
        try Parallel.forEach(count: count, threads: threads) { place in
            let (index, circuit) = place.quotientAndRemainder(dividingBy: masks.count)
            let drawn = CircuitBootstrap.draw(labels: labels, seed: seed, index: index)
            let found = try search.circuit(
                objectives[circuit], drawn: drawn, team: Self.team(threads, tasks: count), progress: progress)
            let isKept = Self.mask(found, layers, parameters, search.network).isKept
            bootstraps.withLock { $0[circuit].add(isKept, index: index) }
        }
        return bootstraps.withLock { $0 }
    }

    /// What each of several tasks has of the threads.
    private static func team(_ threads: Int, tasks: Int) -> Team { Team(size: threads / max(min(threads, tasks), 1)) }

    private static func mask(_ found: CircuitSearch.Found, _ layers: [Layer], _ parameters: [ParameterID], _ network: Network) -> WeightMask
    {
        WeightMask(
            layers: layers.enumerated().map { place, layer in
                let (before, after) = (network.values[parameters[place]].elements, found.parameters[parameters[place]].elements)
                return WeightMask.Layer(
                    name: layer.name, shape: layer.tensor.shape, isKept: after.map { $0 != 0 }, weightCount: before.count { $0 != 0 })
            })
    }

    /// - Throws: ``Problem`` for data without one class for each sample.
    package static func labels(of batches: SampleBatches) throws(Problem) -> [Int32] {
        switch batches.dataset.targets {
        case .labels(let labels), .answers(let labels): return labels
        case .nextToken, .masked, .numbers, .inputs, .none:
            throw Problem(
                batches.dataset.name, "pruning needs one right class for each sample", expected: "labels, or one answer for each sequence",
                hint: "an npz with x and y has them")
        }
    }

    private static func words(_ labels: [Int32]) -> String {
        labels.prefix(20).map(String.init).joined(separator: " ") + (labels.count > 20 ? " and \(labels.count - 20) more" : "")
    }
}
