import Checkpoints
import Datasets
import Evaluation
import Modularity
import Networks
import Tensors
import Text

/// The similarity of the neurons of layers by their activations on data, for ``ClusteringMethod/activations`` (Hod et al., arXiv 2110.08058).
///
/// An observation is a sample, at one position of a sequence or one place of an image where there are several. Two neurons of one side of a
/// layer are similar by r^2, r the correlation of their activations over all observations; a neuron is not similar to itself. An out-neuron's
/// activation is that after the nonlinearity which alone reads it. Ranks, which the authors' code correlates by default, would need all
/// activations at once; sums need one pass.
package struct ActivationSimilarity {
    /// The neurons of a layer that are constant on the data.
    package struct Constants: Sendable {
        package let layer: String
        package let out: Int
        package let input: Int
    }

    private let batches: SampleBatches
    private let layers: [LayerNeurons]
    private let parameters: ParameterValues?
    private let threads: Int
    private let widths: [NodeID: Int]

    /// What marks a neuron that varies as one that is similar to itself, without weight.
    private static let own = Float.leastNormalMagnitude

    /// - Parameters:
    ///   - data: the samples, in any batches; they need no answers.
    ///   - parameters: the weights; the network's own if nil.
    /// - Throws: ``Problem`` if a layer's neurons have no activations, or the memory does not suffice.
    package init(_ data: SampleBatches, layers: [Layer], parameters: ParameterValues? = nil, threads: Int) throws {
        batches = data
        self.parameters = parameters
        self.threads = threads
        let found = try layers.map { try LayerNeurons($0, in: data.network) }
        self.layers = found
        let limit = PhysicalMemory.byteCount / 2
        var widths: [NodeID: Int] = [:]
        for layer in found {
            widths[layer.read] = layer.layer.inNeurons
            widths[layer.made] = layer.layer.outNeurons
            let bytes = [layer.layer.inNeurons, layer.layer.outNeurons].map(CorrelationSums.byteCount)
            let (total, overflow) = bytes[0].addingReportingOverflow(bytes[1])
            guard !overflow, total <= limit else {
                throw Problem(
                    "the correlations of its neurons do not fit into memory", subject: "tensor '\(layer.layer.name)'",
                    expected: "at most \(limit) bytes",
                    found: "\(layer.layer.outNeurons) out- and \(layer.layer.inNeurons) in-neurons")
            }
        }
        self.widths = widths
    }

    /// What ``ClusteringMethod/activations`` clusters by, by layer.
    ///
    /// Layers whose sums do not fit into a quarter of the machine's memory together are computed in several passes over the data.
    ///
    /// - Parameters:
    ///   - count: the pairs of eigenvalues and vectors; ``ClusterCount/spectrumSize`` of the largest number of clusters.
    ///   - seed: of the clustering.
    ///   - constants: called with the layers that have neurons which are constant on the data.
    /// - Throws: ``Problem`` if all neurons of a side are constant, as they are on a single sample.
    package func spectra(
        count: Int, seed: UInt64, progress: (Double) -> Void = { _ in }, constants: (Constants) -> Void = { _ in }
    ) throws -> [String: SimilaritySpectrum] {
        var spectra: [String: SimilaritySpectrum] = [:]
        let groups = groups()
        for (number, group) in groups.enumerated() {
            let nodes = Set(group.flatMap { [$0.read, $0.made] })
            let sums = try sums(of: nodes) { progress((Double(number) + $0) / Double(groups.count)) }
            for layer in group {
                func similarities(_ node: NodeID) throws -> Tensor {
                    guard let sums = sums[node] else { preconditionFailure("no sums") }
                    do {
                        return try sums.squaredCorrelations(own: Self.own)
                    } catch let problem as Problem {
                        throw problem.about("site '\(batches.network.nodes[node.index].site)'")
                    }
                }
                let spectrum = try SimilaritySpectrum(
                    out: similarities(layer.made), in: similarities(layer.read), place: layer.layer.place, count: count, seed: seed,
                    threads: threads)
                spectra[layer.layer.name] = spectrum
                let (out, input) = spectrum.unconnected
                guard out < layer.layer.outNeurons, input < layer.layer.inNeurons else {
                    let isOut = out == layer.layer.outNeurons
                    throw Problem(
                        "its \(isOut ? "out" : "in")-neurons cannot be clustered by activations",
                        subject: "tensor '\(layer.layer.name)'", expected: "neurons whose activations differ between samples",
                        found: "all \(isOut ? out : input) are constant on the data")
                }
                if out + input > 0 { constants(Constants(layer: layer.layer.name, out: out, input: input)) }
            }
        }
        return spectra
    }

    /// The layers that one pass computes; layers that share a node share its sums.
    private func groups() -> [[LayerNeurons]] {
        let budget = PhysicalMemory.byteCount / 4
        var groups: [[LayerNeurons]] = []
        var (nodes, size): (Set<NodeID>, Int) = ([], 0)
        for layer in layers {
            let added = Set([layer.read, layer.made]).subtracting(nodes)
            let bytes = added.reduce(0) { $0 + CorrelationSums.byteCount(width: widths[$1] ?? 0) }
            if groups.isEmpty || size + bytes > budget {
                groups.append([])
                (nodes, size) = ([], 0)
            }
            groups[groups.count - 1].append(layer)
            let new = Set([layer.read, layer.made]).subtracting(nodes)
            size += new.reduce(0) { $0 + CorrelationSums.byteCount(width: widths[$1] ?? 0) }
            nodes.formUnion(new)
        }
        return groups
    }

    private func sums(of nodes: Set<NodeID>, progress: (Double) -> Void) throws -> [NodeID: CorrelationSums] {
        let order = nodes.sorted()
        let sums = Dictionary(uniqueKeysWithValues: order.map { ($0, CorrelationSums(width: widths[$0] ?? 0)) })
        let request = RunRequest(recorded: nodes)
        let team = Team(size: threads)
        let dimensions = batches.network.neuronDimensions
        var done = 0
        // A run's outputs are copied, so that the sums are added in the order of the batches.
        try BatchLoop(count: batches.ranges.count, threads: threads, wave: threads).run(
            worker: { BatchWorker(batches, team: $0, parameters: parameters) },
            compute: { worker, place in
                let run = try worker.run(place, request: request)
                return order.map { node -> Tensor in
                    guard let output = run[node] else { preconditionFailure("not recorded") }
                    return output.copied()
                }
            },
            consume: { place, outputs in
                for (node, output) in zip(order, outputs) {
                    let shape = dimensions.places(of: node, in: output.shape)
                    output.withElements { sums[node]?.add($0, outer: shape.outer, inner: shape.inner, team: team) }
                }
                done += 1
                progress(Double(done) / Double(batches.ranges.count))
            })
        return sums
    }
}
