import Tensors
import Testing
import Text

@testable import Modularity

/// A matrix with `blocks` planted blocks under noise, its neurons shuffled.
struct Planted {
    let weights: WeightMatrix
    let out: [Int]
    let into: [Int]

    init(rows: Int, columns: Int, blocks: Int, inside: Double = 1, outside: Double = 0.15, seed: UInt64 = 1) {
        var generator = SeededGenerator(seed: seed)
        var out = (0..<rows).map { $0 * blocks / rows }
        var into = (0..<columns).map { $0 * blocks / columns }
        out.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        into.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        let elements = (0..<rows * columns).map { index in
            Float(generator.normal() * (out[index / columns] == into[index % columns] ? inside : outside))
        }
        weights = .single(Matrix(rows: rows, columns: columns, elements))
        self.out = out
        self.into = into
    }

    /// Whether `result` is the planted clustering, with the same names on both sides.
    func isFound(in result: LayerClustering) -> Bool {
        var names = [Int: Int]()
        for (planted, found) in zip(out + into, result.outLabels.values + result.inLabels.values) {
            if let name = names[planted], name != found { return false }
            names[planted] = found
        }
        return Set(names.values).count == names.count
    }
}

private func analyze(
    _ weights: WeightMatrix, _ options: ClusteringOptions, _ count: ClusterCount = .fixed(4), null: Int = 0, threads: Int = 1
) throws -> ModelAnalysis.Sweep {
    let graph = WeightGraph(layers: [WeightGraph.Layer(name: "w", place: 0, weights: weights)])
    var options = options
    if options.method.readsData { options.spectra["w"] = try .ofNeurons(weights, pairs: count.spectrumSize) }
    return try ModelAnalysis(graph, labels: .clustering(options, counts: [count]), nullSamples: null, threads: threads).sweeps[0]
}

@Suite struct LayerClusteringTests {
    /// The methods that read only the weights.
    private static let spectral = [ClusteringMethod.bsgc, .cocluster, .network]

    @Test func expertsAreTheRowsOfARouter() throws {
        // Column 2 weighs as much in rows 0 and 2; row 1 and column 3 have no weights.
        let weights = WeightMatrix.single(Matrix(rows: 3, columns: 4, [3, 0, -1, 0, 0, 0, 0, 0, 1, -5, 1, 0]))
        let found = try analyze(weights, ClusteringOptions(method: .experts), .fixed(2)).layers[0]
        #expect(found.clustering.clusterCount == 3 && found.clustering.outLabels.values == [0, Labels.none, 2])
        #expect(found.clustering.inLabels.values == [0, 2, 0, Labels.none])
        // Inside the clusters 9 + 1 + 25 of the squared weights' 37. A matrix of zeros has no clusters.
        #expect(abs((found.measures.clusterability ?? 0) - 35.0 / 37) < 1e-12)
        let zeros = try analyze(.single(.zeros(rows: 2, columns: 3)), ClusteringOptions(method: .experts)).layers[0]
        #expect(zeros.measures.clusterability == nil && zeros.clustering.outLabels.values == [Labels.none, Labels.none])
    }

    @Test(arguments: spectral, [(60, 40), (40, 260), (300, 500)])
    func planted_blocks_are_found(method: ClusteringMethod, shape: (Int, Int)) throws {
        for blocks in [2, 4, 5] {
            let planted = Planted(rows: shape.0, columns: shape.1, blocks: blocks)
            let result = try analyze(planted.weights, ClusteringOptions(method: method), .fixed(blocks))
            #expect(planted.isFound(in: result.layers[0].clustering))
        }
    }

    @Test(arguments: spectral)
    func the_eigengap_tells_the_number_of_planted_blocks(method: ClusteringMethod) throws {
        let planted = Planted(rows: 120, columns: 200, blocks: 6)
        let result = try analyze(planted.weights, ClusteringOptions(method: method), .automatic)
        #expect(result.layers[0].clustering.clusterCount == 6)
        #expect(planted.isFound(in: result.layers[0].clustering))
    }

    @Test(arguments: spectral)
    func exactly_disjoint_blocks_score_one(method: ClusteringMethod) throws {
        for (rows, columns) in [(30, 24), (400, 320)] {
            let planted = Planted(rows: rows, columns: columns, blocks: 4, outside: 0)
            let result = try analyze(planted.weights, ClusteringOptions(method: method))
            #expect(result.layers[0].measures.clusterability == 1)
            #expect(planted.isFound(in: result.layers[0].clustering))
        }
    }

    /// Two separate runs of k-means number their clusters each in its own way: without pairing, the score is that of an arbitrary pairing.
    @Test func alignment_never_scores_below_no_alignment_and_finds_the_best_pairing() throws {
        for seed in 0..<10 {
            let planted = Planted(rows: 50, columns: 40, blocks: 4, outside: 0.2, seed: UInt64(seed))
            let aligned = try analyze(planted.weights, ClusteringOptions(method: .bsgc)).layers[0]
            let unaligned = try analyze(planted.weights, ClusteringOptions(method: .bsgc, alignment: .unaligned)).layers[0]
            #expect(aligned.measures.clusterability! >= unaligned.measures.clusterability!)
            #expect(aligned.clustering.outLabels == unaligned.clustering.outLabels)
            #expect(planted.isFound(in: aligned.clustering))
        }
    }

    @Test(arguments: spectral)
    func permuting_the_neurons_permutes_the_labels(method: ClusteringMethod) throws {
        let planted = Planted(rows: 60, columns: 50, blocks: 4)
        var generator = SeededGenerator(seed: 11)
        var rows = Array(0..<60)
        var columns = Array(0..<50)
        rows.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        columns.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        let moved = Matrix<Float>(
            rows: 60, columns: 50, (0..<3000).map { Float(planted.weights[rows[$0 / 50], columns[$0 % 50]]) })
        let before = try analyze(planted.weights, ClusteringOptions(method: method)).layers[0]
        let after = try analyze(.single(moved), ClusteringOptions(method: method)).layers[0]
        #expect(abs(before.measures.clusterability! - after.measures.clusterability!) < 1e-12)
        for i in 0..<60 {
            for j in 0..<60 {
                let together = before.clustering.outLabels[rows[i]] == before.clustering.outLabels[rows[j]]
                #expect(together == (after.clustering.outLabels[i] == after.clustering.outLabels[j]))
            }
        }
    }

    @Test(arguments: spectral)
    func neurons_without_weights_are_in_no_cluster(method: ClusteringMethod) throws {
        let planted = Planted(rows: 30, columns: 25, blocks: 3)
        let matrix = Matrix<Float>(
            rows: 30, columns: 25,
            (0..<750).map { [4, 11].contains($0 / 25) || $0 % 25 == 7 ? 0 : Float(planted.weights[$0 / 25, $0 % 25]) })
        let result = try analyze(.single(matrix), ClusteringOptions(method: method), .fixed(3)).layers[0].clustering
        #expect(result.outLabels.values.indices.filter { result.outLabels[$0] == Labels.none } == [4, 11])
        #expect(result.inLabels.values.indices.filter { result.inLabels[$0] == Labels.none } == [7])
    }

    /// The number of experts is that of the rows, whatever is asked for.
    @Test(arguments: ClusteringMethod.allCases.filter { $0 != .experts })
    func degenerate_matrices_have_defined_results(method: ClusteringMethod) throws {
        let zeros = try analyze(.single(.zeros(rows: 6, columns: 5)), ClusteringOptions(method: method)).layers[0]
        #expect(zeros.measures.clusterability == nil)
        let oneRow = try analyze(.single(Matrix(rows: 1, columns: 6, [1, 2, 3, 4, 5, 6])), ClusteringOptions(method: method)).layers[0]
        #expect(oneRow.clustering.outLabels.values == [0])
        #expect((0...1).contains(oneRow.measures.clusterability!))
        let small = try analyze(.single(Matrix(rows: 2, columns: 2, [3, 1, 1, 2])), ClusteringOptions(method: method), .fixed(9)).layers[0]
        #expect(small.clustering.clusterCount == 9)
        #expect(small.measures.clusterability != nil)
        let constant = try analyze(
            .single(Matrix(rows: 10, columns: 6, [Float](repeating: -0.5, count: 60))), ClusteringOptions(method: method)
        ).layers[0]
        #expect(constant.measures.clusterability != nil)
        let one = try analyze(Planted(rows: 9, columns: 8, blocks: 2).weights, ClusteringOptions(method: method), .fixed(1)).layers[0]
        #expect(one.measures.clusterability == 1)
        #expect(one.measures[.adjusted] == nil)
    }

    @Test(arguments: ClusteringMethod.allCases)
    func weights_that_are_not_finite_are_refused_by_name(method: ClusteringMethod) throws {
        let matrix = Matrix<Float>(rows: 2, columns: 3, [1, .nan, 2, .infinity, .nan, 0])
        #expect(throws: Problem.nonFinite(layer: "w", nan: 2, infinite: 1)) {
            try analyze(.single(matrix), ClusteringOptions(method: method))
        }
    }

    @Test func contiguous_blocks_take_the_remainder_into_the_last() {
        #expect(Labels.contiguous(count: 10, clusters: 4).values == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3])
        #expect(Labels.contiguous(count: 3, clusters: 5).values == [0, 1, 2])
    }

    @Test(arguments: spectral)
    func threads_change_no_label_and_no_score(method: ClusteringMethod) throws {
        let planted = Planted(rows: 260, columns: 300, blocks: 4, outside: 0.9)
        let one = try analyze(planted.weights, ClusteringOptions(method: method), null: 3, threads: 1)
        let three = try analyze(planted.weights, ClusteringOptions(method: method), null: 3, threads: 3)
        #expect(one.layers[0].clustering.outLabels == three.layers[0].clustering.outLabels)
        #expect(one.layers[0].clustering.inLabels == three.layers[0].clustering.inLabels)
        #expect(one.layers[0].measures == three.layers[0].measures)
        #expect(one.layers[0].null == three.layers[0].null)
        #expect(one.null == three.null)
    }

    @Test func planted_blocks_stand_out_from_the_null_model_and_noise_does_not() throws {
        let planted = try analyze(Planted(rows: 60, columns: 50, blocks: 4).weights, ClusteringOptions(), null: 19)
        #expect(planted.layers[0].null?.p == 1.0 / 20)
        #expect(planted.layers[0].null!.z! > 5)
        let noise = try analyze(Planted(rows: 60, columns: 50, blocks: 4, outside: 1).weights, ClusteringOptions(), null: 19)
        #expect(noise.layers[0].null!.p! > 1.0 / 20)
        #expect(abs(noise.layers[0].null!.z!) < 4)
    }
}

@Suite struct ChainTests {
    private func layers() -> [WeightGraph.Layer] {
        let first = Planted(rows: 40, columns: 30, blocks: 3, seed: 1)
        let order = first.out
        var generator = SeededGenerator(seed: 2)
        // The second layer's in-neurons are the first one's out-neurons, in their planted clusters.
        let second = Matrix<Float>(
            rows: 24, columns: 40, (0..<960).map { Float(generator.normal() * ($0 / 40 / 8 == order[$0 % 40] ? 1 : 0.15)) })
        return [
            WeightGraph.Layer(name: "a", place: 0, weights: first.weights),
            WeightGraph.Layer(name: "b", place: 1, weights: .single(second)),
        ]
    }

    @Test(arguments: [ClusteringMethod.bsgc, .cocluster, .contiguous])
    func in_labels_are_the_out_labels_of_the_layer_before(method: ClusteringMethod) throws {
        let options = ClusteringOptions(method: method, coupling: .chained)
        let sweep = try ModelAnalysis(
            WeightGraph(layers: layers()), labels: .clustering(options, counts: [.fixed(3)]), threads: 1
        ).sweeps[0]
        #expect(sweep.layers[1].clustering.inLabels == sweep.layers[0].clustering.outLabels)
        guard method != .contiguous else { return }
        // The planted blocks run through both layers, so the names given in the first fit the second.
        #expect(sweep.layers[1].measures.clusterability! > 0.9)
    }

    @Test func network_clusters_are_the_same_on_both_sides_of_a_neuron() throws {
        let sweep = try ModelAnalysis(
            WeightGraph(layers: layers()), labels: .clustering(ClusteringOptions(method: .network), counts: [.fixed(3)]), threads: 1
        ).sweeps[0]
        #expect(sweep.layers[1].clustering.inLabels == sweep.layers[0].clustering.outLabels)
        #expect(sweep.layers.allSatisfy { $0.measures.clusterability! > 0.9 })
        #expect((0...3).contains(sweep.networkCut!))
    }

    @Test func layers_that_do_not_follow_each_other_are_refused() {
        let layers = layers()
        let graph = WeightGraph(layers: [layers[1], layers[0]])
        for options in [ClusteringOptions(coupling: .chained), ClusteringOptions(method: .network)] {
            #expect(throws: Problem.brokenChain(layer: "a", columns: 30, previous: "b", rows: 24)) {
                try ModelAnalysis(graph, labels: .clustering(options, counts: [.fixed(2)]), threads: 1)
            }
        }
    }

    @Test func given_labels_must_fit() {
        let graph = WeightGraph(layers: layers())
        let short = LayerClustering(layer: "a", clusterCount: 2, outLabels: Labels([0, 1]), inLabels: Labels([0]))
        #expect(throws: Problem.labelCount(layer: "a", side: "out", expected: 40, found: 2)) {
            try ModelAnalysis(graph, labels: .given(["a": short]), threads: 1)
        }
    }
}

@Suite struct AutomaticNullTests {
    /// Permuted weights have their own eigengap, which says nothing about the clusters that are judged.
    @Test func the_null_model_keeps_the_number_of_clusters_that_was_chosen() throws {
        let weights = Planted(rows: 60, columns: 50, blocks: 4).weights
        let automatic = try analyze(weights, ClusteringOptions(), .automatic, null: 5)
        let fixed = try analyze(weights, ClusteringOptions(), .fixed(4), null: 5)
        #expect(automatic.layers[0].clustering.clusterCount == 4)
        let (first, second) = (try #require(automatic.layers[0].null?.mean), try #require(fixed.layers[0].null?.mean))
        #expect(abs(first - second) < 0.02)
    }

    /// W * 2^n for even n beyond what squares of doubles hold: the same clusters and, since even powers of two are exact, the same bits.
    @Test(arguments: [ClusteringMethod.bsgc, .cocluster, .contiguous, .network], [-1000, -700, -536, 516, 900, 1010])
    func scale_does_not_matter(method: ClusteringMethod, exponent: Int) throws {
        let planted = Planted(rows: 40, columns: 33, blocks: 4, outside: 0.2, seed: 3)
        let numbers = (0..<40 * 33).map { planted.weights[$0 / 33, $0 % 33] }
        func analyze(_ scale: Double) throws -> ModelAnalysis {
            let first = Matrix<Double>(rows: 40, columns: 33, numbers.map { $0 * scale })
            let second = Matrix<Double>(rows: 33, columns: 40, numbers.reversed().map { $0 * scale })
            let graph = WeightGraph(layers: [
                WeightGraph.Layer(name: "a", place: 0, weights: .double(first)),
                WeightGraph.Layer(name: "b", place: 1, weights: .double(second)),
            ])
            return try ModelAnalysis(
                graph, labels: .clustering(ClusteringOptions(method: method), counts: [.fixed(4)]), nullSamples: 3, threads: 1)
        }
        let (plain, scaled) = (try analyze(1).sweeps[0], try analyze(Double(sign: .plus, exponent: exponent, significand: 1)).sweeps[0])
        for (one, other) in zip(plain.layers, scaled.layers) {
            #expect(one.clustering.outLabels == other.clustering.outLabels && one.clustering.inLabels == other.clustering.inLabels)
            #expect(one.measures == other.measures)
            #expect(one.null == other.null)
        }
    }

    /// Beside a block whose weights are 10^18 times as large, the other still gets its own cluster, and the overall score stays defined.
    @Test func blocks_of_very_different_scales_are_found() throws {
        let planted = Planted(rows: 40, columns: 32, blocks: 2, outside: 0)
        let matrix = Matrix<Double>(
            rows: 40, columns: 32, (0..<40 * 32).map { planted.weights[$0 / 32, $0 % 32] * (planted.out[$0 / 32] == 0 ? 1e18 : 1) })
        for method in [ClusteringMethod.bsgc, .cocluster] {
            let result = try analyze(.double(matrix), ClusteringOptions(method: method), .fixed(2)).layers[0]
            #expect(planted.isFound(in: result.clustering))
            #expect(result.measures.clusterability == 1 && result.measures[.adjusted] == 1)
        }
    }

    @Test(arguments: [ClusteringMethod.bsgc, .cocluster, .network]) func names_play_no_part(method: ClusteringMethod) throws {
        var generator = SeededGenerator(seed: 6)
        let noise = Matrix<Float>(rows: 30, columns: 30, (0..<900).map { _ in Float(generator.normal()) })
        func sweep(_ names: [String], places: [Int]) throws -> ModelAnalysis.Sweep {
            let layers = zip(names, places).map { WeightGraph.Layer(name: $0, place: $1, weights: .single(noise)) }
            return try ModelAnalysis(
                WeightGraph(layers: layers), labels: .clustering(ClusteringOptions(method: method), counts: [.fixed(5)]), nullSamples: 4,
                threads: 1
            ).sweeps[0]
        }
        let (one, other) = (try sweep(["a", "b"], places: [0, 1]), try sweep(["module.b", "x"], places: [0, 1]))
        for (one, other) in zip(one.layers, other.layers) {
            #expect(one.clustering.outLabels == other.clustering.outLabels && one.measures == other.measures && one.null == other.null)
        }
        // A layer has the same numbers alone as among others.
        if method != .network {
            let alone = try sweep(["b"], places: [1]).layers[0]
            #expect(alone.measures == one.layers[1].measures && alone.null == one.layers[1].null)
            #expect(one.layers[0].null != one.layers[1].null)
        }
    }
}

/// The method `activations`, whose neurons without a correlation join a cluster by their weights.
@Suite struct ActivationClusteringTests {
    /// r^2 of the rows of a matrix of observations, by its definition.
    private func squares(_ rows: [[Double]]) -> Tensor {
        let centred = rows.map { row in row.map { $0 - row.reduce(0, +) / Double(row.count) } }
        func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let elements = rows.indices.flatMap { i in
            rows.indices.map { j -> Float in
                let (a, b) = (product(centred[i], centred[i]), product(centred[j], centred[j]))
                if a == 0 || b == 0 { return 0 }
                if i == j { return .leastNormalMagnitude }
                let r = product(centred[i], centred[j])
                return Float(r * r / (a * b))
            }
        }
        return Tensor(shape: [rows.count, rows.count], elements)
    }

    /// Neurons that follow one of `groups` signals, some with the opposite sign; the last one is constant.
    private func observations(_ groups: [Int], seed: UInt64) -> [[Double]] {
        var generator = SeededGenerator(seed: seed)
        let signals = (0...(groups.max() ?? 0)).map { _ in (0..<60).map { _ in generator.normal() } }
        return groups.enumerated().map { place, group in
            (0..<60).map { (place % 2 == 0 ? 1 : -1) * signals[group][$0] + 0.2 * generator.normal() }
        } + [[Double](repeating: 3, count: 60)]
    }

    @Test func neuronsThatFollowOneSignalAreOneClusterAndAConstantOneJoinsByItsWeights() throws {
        let groups = (0..<24).map { $0 * 7 % 3 }
        let similar = squares(observations(groups, seed: 5))
        // The constant out-neuron 24 reads group 2, the constant in-neuron 24 is read by group 1.
        var weights = Matrix<Float>(rows: 25, columns: 25, [Float](repeating: 0, count: 625))
        var elements = [Float](repeating: 0.01, count: 625)
        for row in 0..<24 { for column in 0..<24 where groups[row] == groups[column] { elements[row * 25 + column] = 1 } }
        for place in 0..<24 where groups[place] == 2 { elements[24 * 25 + place] = -2 }
        for place in 0..<24 where groups[place] == 1 { elements[place * 25 + 24] = 2 }
        weights = Matrix(rows: 25, columns: 25, elements)
        var options = ClusteringOptions(method: .activations)
        options.spectra["w"] = try SimilaritySpectrum(out: similar, in: similar, place: 0, count: 3, seed: 0, threads: 1)
        #expect(options.spectra["w"]?.unconnected.out == 1 && options.spectra["w"]?.unconnected.input == 1)
        let graph = WeightGraph(layers: [WeightGraph.Layer(name: "w", place: 0, weights: .single(weights))])
        let found = try ModelAnalysis(graph, labels: .clustering(options, counts: [.fixed(3)]), threads: 1).sweeps[0].layers[0].clustering
        let names = (0..<3).map { group in found.outLabels[groups.firstIndex(of: group) ?? 0] }
        #expect(Set(names).count == 3)
        for place in 0..<24 {
            #expect(found.outLabels[place] == names[groups[place]])
            #expect(found.inLabels[place] == names[groups[place]])
        }
        #expect(found.outLabels[24] == names[2] && found.inLabels[24] == names[1])
    }

    /// The running sums against the definition, in pieces, with channels of images and a large mean.
    @Test func runningSumsAreTheCorrelations() throws {
        var generator = SeededGenerator(seed: 9)
        let rows = (0..<5).map { column in
            (0..<48).map { _ in column == 3 ? 2.5 : Double(Float(generator.normal() + Double(column) * 1000)) }
        }
        let expected = squares(rows).elements
        for (outer, inner) in [(48, 1), (8, 6)] {
            let sums = CorrelationSums(width: 5)
            let team = Team(size: 2)
            // Two batches: [outer, width, inner].
            for half in 0..<2 {
                let own = outer / 2
                let values = (0..<own).flatMap { place in
                    (0..<5).flatMap { column in (0..<inner).map { Float(rows[column][(half * own + place) * inner + $0]) } }
                }
                values.withUnsafeBufferPointer { sums.add($0, outer: own, inner: inner, team: team) }
            }
            #expect(sums.count == 48)
            let found = try sums.squaredCorrelations(own: .leastNormalMagnitude).elements
            for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-6) }
        }
    }
}
