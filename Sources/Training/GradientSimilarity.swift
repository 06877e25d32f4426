import Checkpoints
import Datasets
import Evaluation
import Modularity
import Networks
import Tensors
import Text

/// The similarity of the neurons of layers by their gradients on data, for ``ClusteringMethod/gradient`` (Golechha et al., arXiv
/// 2502.02470).
///
/// With G = dL/dW of one batch, L the mean cross-entropy over the batch's answers, and G scaled to unit Frobenius norm: the similarity of
/// the out-neurons is sum G G^T, that of the in-neurons sum G^T G, summed over the batches in the order in which the samples are stored.
/// Batch norm reads its running statistics, as when a model is evaluated. A batch whose gradient is zero adds nothing.
///
/// The entry point for whoever clusters by gradients: ``spectra(count:seed:progress:)`` of the weights as they are goes into
/// ``ClusteringOptions/spectra``, and ``ModelAnalysis`` of the same weights gives the clusters.
package struct GradientSimilarity {
    /// The default number of samples in a batch.
    package static let defaultBatchSize = 64

    private let samples: TrainingSamples
    private let batches: [Range<Int>]
    private let members: [Member]
    private let parameters: ParameterValues
    private let request: RunRequest
    private let chunkSize: Int
    private let team: Team

    private struct Member {
        let layer: Layer
        let parameter: ParameterID
        /// The memory of its gradient and the sums of products.
        let bytes: Int
    }

    /// - Parameters:
    ///   - data: the samples, which must have answers; in batches of `batchSize`, whatever their own.
    ///   - layers: each read by the network.
    ///   - parameters: the weights; the network's own if nil.
    /// - Throws: ``Problem`` if the data has no answers, the network does not read a layer, or the memory does not suffice.
    package init(
        _ data: SampleBatches, batchSize: Int = defaultBatchSize, layers: [Layer], parameters: ParameterValues? = nil, threads: Int
    ) throws {
        let network = data.network
        guard data.dataset.targets.areKnown else {
            throw Problem("has no answers, which gradients need", subject: data.dataset.name)
        }
        self.parameters = parameters ?? network.values
        team = Team(size: threads)
        samples = TrainingSamples(data)
        let order = BatchOrder(count: data.dataset.count, batchSize: batchSize, arrangement: .stored)
        batches = (0..<order.stepsPerEpoch).flatMap { order.batches(ofStep: $0) }
        let limit = PhysicalMemory.byteCount
        members = try layers.map { layer in
            let subject = "tensor '\(layer.name)'"
            guard let parameter = network.parameter(named: layer.name) else {
                throw Problem("the network does not read it", subject: subject)
            }
            let products = GradientProducts.byteCount(layer.layout)
            // Beside a side's sums its normalised graph is made, in double precision.
            let (bytes, overflow) = products.multipliedReportingOverflow(by: 3)
            guard !overflow, bytes <= limit else {
                throw Problem(
                    "the similarities of its neurons do not fit into memory", subject: subject, expected: "at most \(limit) bytes",
                    found: "\(layer.outNeurons) out- and \(layer.inNeurons) in-neurons")
            }
            return Member(layer: layer, parameter: parameter, bytes: products + layer.tensor.elementCount * MemoryLayout<Float>.size)
        }
        var request = RunRequest(recorded: [network.output])
        request.gradients = GradientRequest(parameters: Set(members.map(\.parameter)))
        self.request = request
        let longest = (0..<data.dataset.count).max { data.length(of: $0) < data.length(of: $1) } ?? 0
        // The values of a run and about as many gradients.
        let bytes = 2 * (try Executor.memory(network, batch: data.shape(samples: 1, like: longest), request: request))
        guard bytes <= limit else {
            throw Problem(
                "what a run with gradients on one sample computes does not fit into memory", subject: data.dataset.name,
                expected: "at most \(limit) bytes", found: "\(bytes)")
        }
        chunkSize =
            ChunkPlan(
                samples: order.batchSize, elementsPerSample: bytes / MemoryLayout<Float>.size,
                parameters: members.reduce(0) { $0 + $1.layer.tensor.elementCount }, needsWholeBatch: false
            ).size
    }

    /// One layer's similarities.
    package struct Found {
        package let layer: Layer
        /// [out, out].
        package let out: Tensor
        /// [in, in].
        package let input: Tensor
        /// The batches whose gradient is not zero.
        package let batches: Int
    }

    /// Computes the similarities and hands them on layer by layer in the given order; each goes when `body` returns.
    ///
    /// Layers whose sums do not fit into a quarter of the machine's memory together are computed in several passes over the data.
    ///
    /// - Parameter progress: called with the fraction that is done.
    /// - Throws: ``Problem`` for a gradient that is not finite; what `body` throws.
    package func forEachLayer(progress: (Double) -> Void = { _ in }, _ body: (Found) throws -> Void) throws {
        let budget = PhysicalMemory.byteCount / 4
        var groups: [[Member]] = []
        var size = 0
        for member in members {
            if groups.isEmpty || size + member.bytes > budget {
                groups.append([])
                size = 0
            }
            groups[groups.count - 1].append(member)
            size += member.bytes
        }
        for (place, group) in groups.enumerated() {
            var found = try similarities(of: group) { progress((Double(place) + $0) / Double(groups.count)) }
            found.reverse()
            while let next = found.popLast() { try body(next) }
        }
    }

    /// What ``ClusteringMethod/gradient`` clusters by, by layer.
    ///
    /// - Parameters:
    ///   - count: the pairs of eigenvalues and vectors; ``ClusterCount/spectrumSize`` of the largest number of clusters.
    ///   - seed: of the clustering.
    package func spectra(count: Int, seed: UInt64, progress: (Double) -> Void = { _ in }) throws -> [String: SimilaritySpectrum] {
        var spectra: [String: SimilaritySpectrum] = [:]
        try forEachLayer(progress: progress) { found in
            spectra[found.layer.name] = try SimilaritySpectrum(
                out: found.out, in: found.input, place: found.layer.place, count: count, seed: seed, threads: team.size)
        }
        return spectra
    }

    private func similarities(of group: [Member], progress: (Double) -> Void) throws -> [Found] {
        let network = samples.batches.network
        let layout = ParameterLayout(network, TrainedParameters(group.map(\.parameter)))
        var request = request
        request.gradients = GradientRequest(parameters: Set(group.map(\.parameter)))
        let lane = TrainingLane(network, layout: layout, request: request, team: team)
        let gradients = layout.tensors(in: lane.gradients)
        let products = group.map { GradientProducts($0.layer.layout) }
        var counts = [Int](repeating: 0, count: group.count)
        for (place, range) in batches.enumerated() {
            let batch = Array(range)[...]
            let answers = samples.answerCount(of: batch)
            guard answers > 0 else { continue }
            lane.clear()
            for chunk in samples.chunks(of: batch, size: chunkSize) {
                let inputs = samples.batch(of: chunk, team: team)
                _ = try lane.run(
                    inputs, parameters: parameters, weight: 1 / Double(answers),
                    wanted: { shape, _ in samples.batches.wanted(of: Array(chunk), outputShape: shape, batch: inputs) })
            }
            for (index, member) in group.enumerated() {
                guard let gradient = gradients[member.parameter] else { continue }
                let norm = ParameterUpdate.sumOfSquares(gradient, team: team).squareRoot()
                guard norm.isFinite else {
                    throw Problem(
                        "the gradient is not finite", subject: "tensor '\(member.layer.name)'", expected: "numbers",
                        found: "\(norm) for samples \(range.lowerBound) to \(range.upperBound - 1)")
                }
                guard norm > 0 else { continue }
                let factor = Float(1 / norm)
                gradient.withMutableElements { for place in $0.indices { $0[place] *= factor } }
                products[index].add(gradient, team: team)
                counts[index] += 1
            }
            progress(Double(place + 1) / Double(batches.count))
        }
        return zip(zip(group, products), counts).map { Found(layer: $0.0.layer, out: $0.1.out, input: $0.1.input, batches: $1) }
    }
}
