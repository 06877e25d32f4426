import Tensors

/// The part of the similarities of a layer's neurons that spectral clustering needs: the leading eigenpairs of both sides' normalised
/// graphs.
///
/// The method `gradient` (Golechha et al., arXiv 2502.02470): with G = dL/dW of one batch, scaled to unit Frobenius norm, the out-neurons
/// are similar by S = sum G G^T, the in-neurons by sum G^T G, summed over batches. Each side is clustered separately: the k leading
/// eigenvectors of
/// D^-1/2 |S| D^-1/2, rows scaled to unit length, k-means (Ng, Jordan and Weiss 2001); a neuron without any gradient is in no cluster.
///
/// The method `activations` (Hod et al., arXiv 2110.08058): two neurons are similar by the square of the correlation of their activations, a
/// neuron not to itself.
package struct SimilaritySpectrum: Sendable {
    /// One side's eigenpairs.
    struct Side: Sendable {
        /// In descending order; the first is 1.
        let values: [Double]
        /// One array of all neurons' coordinates for each value.
        let vectors: [[Double]]
        /// The neurons that have gradients.
        let connected: [Int]
        /// The number of neurons.
        let count: Int

        init(_ similarities: Tensor, count: Int, generator: SeededGenerator, threads: Int) throws {
            let graph = try SimilarityGraph(similarities, threads: threads)
            var generator = generator
            (values, vectors) = try graph.leadingEigenpairs(count: count, generator: &generator, threads: threads)
            connected = graph.connected
            self.count = graph.size
        }

        /// The rows of the `count` leading vectors, scaled to unit length.
        func points(_ count: Int) -> PointSet {
            let used = vectors.prefix(count)
            let lengths = connected.map { neuron in used.reduce(0) { $0 + $1[neuron] * $1[neuron] }.squareRoot() }
            return PointSet(
                coordinates: used.map { vector in
                    zip(connected, lengths).map { neuron, length in length > 0 ? vector[neuron] / length : 0 }
                }, count: connected.count)
        }
    }

    let out: Side
    let input: Side

    /// - Parameters:
    ///   - out: of the out-neurons, [out, out], symmetric and finite.
    ///   - input: of the in-neurons, [in, in].
    ///   - place: of the layer among the model's weight matrices, for its random numbers.
    ///   - count: the number of pairs; ``ClusterCount/spectrumSize`` is the number that a number of clusters needs.
    /// - Throws: ``Problem`` if the iteration does not converge.
    package init(out: Tensor, in input: Tensor, place: Int, count: Int, seed: UInt64, threads: Int) throws {
        func generator(_ side: String) -> SeededGenerator { SeededGenerator(seed: seed, purpose: "similarity \(side)", layer: place) }
        self.out = try Side(out, count: count, generator: generator("out"), threads: threads)
        self.input = try Side(input, count: count, generator: generator("in"), threads: threads)
    }

    /// The neurons of each side that are similar to none.
    package var unconnected: (out: Int, input: Int) { (out.count - out.connected.count, input.count - input.connected.count) }

    /// The geometric means of the two sides' eigenvalues, in descending order, the trivial 1 first: their gaps are those of both sides
    /// together.
    package var values: [Double] { zip(out.values, input.values).map { (max($0, 0) * max($1, 0)).squareRoot() } }
}

extension ClusterCount {
    /// How many singular or eigenvalues the choice needs, the trivial one included.
    package var spectrumSize: Int {
        switch self {
        case .fixed(let k): k
        case .automatic: Eigengap.valuesNeeded
        }
    }
}
