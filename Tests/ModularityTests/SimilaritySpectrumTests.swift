import Tensors
import Testing
import Text

@testable import Modularity

extension SimilaritySpectrum {
    /// The spectra of similarities that a matrix like the weights would have as the only gradient that is 0 where they are not finite.
    static func ofNeurons(_ weights: WeightMatrix, pairs: Int, threads: Int = 1) throws -> SimilaritySpectrum {
        let (rows, columns) = (weights.rows, weights.columns)
        let elements = (0..<rows * columns).map { Float(weights[$0 / columns, $0 % columns]) }
        let matrix = Tensor(shape: [rows, columns], elements.map { $0.isFinite ? $0 : 0 })
        let (out, input, team) = (MutableTensor.zeros([rows, rows]), MutableTensor.zeros([columns, columns]), Team(size: 1))
        Product.multiply(.init(matrix), .init(matrix, .transposed), rows: rows, inner: columns, columns: rows, into: .init(out), team: team)
        Product.multiply(
            .init(matrix, .transposed), .init(matrix), rows: columns, inner: rows, columns: columns, into: .init(input), team: team)
        return try SimilaritySpectrum(out: out, in: input, place: 0, count: pairs, seed: 0, threads: threads)
    }
}

@Suite struct SimilaritySpectrumTests {
    /// [[2, 1], [1, 2]] has the degrees 3 and 3, so the eigenvalues 1 and 1/3; [[5]] has 1. The neuron without a similarity has none.
    @Test func the_eigenvalues_of_a_small_graph_are_those_by_hand() throws {
        let similarities = Tensor(shape: [4, 4], [2, -1, 0, 0, -1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5])
        let side = try SimilaritySpectrum.Side(similarities, count: 4, generator: SeededGenerator(seed: 1), threads: 1)
        #expect(side.connected == [0, 1, 3])
        #expect(side.values.count == 3)
        for (found, expected) in zip(side.values, [1, 1, 1.0 / 3]) { #expect(abs(found - expected) < 1e-12) }
        let points = side.points(2)
        // One direction for each component, whatever the basis of the eigenvalue that both share.
        for place in 0..<3 { #expect(abs(points[place].reduce(0) { $0 + $1 * $1 } - 1) < 1e-12) }
        let inner = { (a: Int, b: Int) in zip(points[a], points[b]).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect(abs(inner(0, 1) - 1) < 1e-12 && abs(inner(0, 2)) < 1e-12)
    }

    /// Above the size that is decomposed in full: disjoint blocks have the eigenvalue 1 once each.
    @Test(arguments: [(90, 70), (300, 270)]) func disjoint_blocks_are_found(rows: Int, columns: Int) throws {
        let planted = Planted(rows: rows, columns: columns, blocks: 4, outside: 0)
        let spectrum = try SimilaritySpectrum.ofNeurons(planted.weights, pairs: 17)
        for value in spectrum.values.prefix(4) { #expect(abs(value - 1) < 1e-7) }
        #expect(spectrum.values[4] < 0.9)
        for count in [ClusterCount.fixed(4), .automatic] {
            let sweep = try analyze(planted.weights, spectrum, count)
            #expect(planted.isFound(in: sweep.layers[0].clustering))
            #expect(sweep.layers[0].measures.clusterability == 1)
        }
    }

    private func analyze(
        _ weights: WeightMatrix, _ spectrum: SimilaritySpectrum, _ count: ClusterCount, alignment: SideAlignment = .aligned, null: Int = 0
    ) throws -> ModelAnalysis.Sweep {
        let options = ClusteringOptions(method: .gradient, alignment: alignment, spectra: ["w": spectrum])
        return try ModelAnalysis(
            WeightGraph(layers: [WeightGraph.Layer(name: "w", place: 0, weights: weights)]), labels: .clustering(options, counts: [count]),
            nullSamples: null, threads: 1
        ).sweeps[0]
    }

    @Test func neurons_without_gradients_are_in_no_cluster_whatever_their_weights() throws {
        let planted = Planted(rows: 30, columns: 25, blocks: 3, outside: 0)
        let gradients = Matrix<Float>(
            rows: 30, columns: 25,
            (0..<750).map { [4, 11].contains($0 / 25) || $0 % 25 == 7 ? 0 : Float(planted.weights[$0 / 25, $0 % 25]) })
        let found = try analyze(planted.weights, .ofNeurons(.single(gradients), pairs: 3), .fixed(3)).layers[0].clustering
        #expect(found.outLabels.values.indices.filter { found.outLabels[$0] == Labels.none } == [4, 11])
        #expect(found.inLabels.values.indices.filter { found.inLabels[$0] == Labels.none } == [7])
        let none = try analyze(planted.weights, .ofNeurons(.single(.zeros(rows: 30, columns: 25)), pairs: 3), .fixed(3)).layers[0]
        #expect(none.clustering.outLabels.isolatedCount == 30 && none.clustering.inLabels.isolatedCount == 25)
        #expect(none.measures.clusterability == 0)
    }

    /// The clusters come from the gradients alone; their pairing from the weights.
    @Test func the_sides_are_paired_by_the_squared_weights() throws {
        for seed in 0..<6 {
            let planted = Planted(rows: 50, columns: 40, blocks: 4, outside: 0, seed: UInt64(seed))
            let spectrum = try SimilaritySpectrum.ofNeurons(planted.weights, pairs: 4)
            let aligned = try analyze(planted.weights, spectrum, .fixed(4)).layers[0]
            let unaligned = try analyze(planted.weights, spectrum, .fixed(4), alignment: .unaligned).layers[0]
            #expect(aligned.measures.clusterability == 1)
            #expect(aligned.clustering.outLabels == unaligned.clustering.outLabels)
            #expect(unaligned.measures.clusterability! <= 1)
        }
    }

    @Test func the_null_model_moves_weights_under_the_same_similarities() throws {
        let planted = Planted(rows: 60, columns: 50, blocks: 4, outside: 0)
        let spectrum = try SimilaritySpectrum.ofNeurons(planted.weights, pairs: 4)
        let fitting = try analyze(planted.weights, spectrum, .fixed(4), null: 19).layers[0]
        #expect(fitting.null?.p == 1.0 / 20 && fitting.null!.z! > 5)
        // Weights that are unrelated to the similarities cannot be told from permuted ones.
        let foreign = try analyze(Planted(rows: 60, columns: 50, blocks: 4, outside: 1, seed: 8).weights, spectrum, .fixed(4), null: 19)
        #expect(foreign.layers[0].null!.p! > 1.0 / 20)
    }

    @Test func a_chain_keeps_the_labels_of_the_layer_before() throws {
        let (first, second) = (
            Planted(rows: 40, columns: 30, blocks: 3, outside: 0), Planted(rows: 30, columns: 40, blocks: 3, outside: 0, seed: 5)
        )
        let options = ClusteringOptions(
            method: .gradient, coupling: .chained,
            spectra: ["a": try .ofNeurons(first.weights, pairs: 3), "b": try .ofNeurons(second.weights, pairs: 3)])
        let sweep = try ModelAnalysis(
            WeightGraph(layers: [.init(name: "a", place: 0, weights: first.weights), .init(name: "b", place: 1, weights: second.weights)]),
            labels: .clustering(options, counts: [.fixed(3)]), threads: 1
        ).sweeps[0]
        #expect(sweep.layers[1].clustering.inLabels == sweep.layers[0].clustering.outLabels)
        #expect(first.isFound(in: sweep.layers[0].clustering))
    }

    @Test func a_layer_without_similarities_or_with_those_of_another_is_refused() throws {
        let weights = Planted(rows: 12, columns: 10, blocks: 2).weights
        let graph = WeightGraph(layers: [.init(name: "w", place: 0, weights: weights)])
        #expect(throws: Problem.missingSimilarities(layer: "w")) {
            try ModelAnalysis(graph, labels: .clustering(ClusteringOptions(method: .gradient), counts: [.fixed(2)]), threads: 1)
        }
        let other = try SimilaritySpectrum.ofNeurons(Planted(rows: 12, columns: 9, blocks: 2).weights, pairs: 2)
        #expect(throws: Problem.similarityCount(layer: "w", expected: [12, 10], found: [12, 9])) {
            try analyze(weights, other, .fixed(2))
        }
    }

    @Test func threads_change_no_bit() throws {
        let planted = Planted(rows: 300, columns: 270, blocks: 4, outside: 0.9)
        let spectra = try [1, 3].map { try SimilaritySpectrum.ofNeurons(planted.weights, pairs: 5, threads: $0) }
        #expect(spectra[0].values == spectra[1].values)
        #expect(spectra[0].out.vectors == spectra[1].out.vectors && spectra[0].input.vectors == spectra[1].input.vectors)
    }
}
