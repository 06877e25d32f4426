import Testing

@testable import Circuits

/// Circuits of weights, searched for again with resampled data.
@Suite struct PruningBootstrapTests {
    private static let samples = 80

    private static func labels(_ model: PrunedModel) throws -> [Int32] { try WeightPruning.labels(of: model.batches(0..<samples)) }

    /// The same by separate runs on data that consist of the drawn samples.
    @Test(arguments: [WeightObjective.divergence, .labelDivergence(label: 3), .labelLoss(label: 3)])
    func circuitsOfResamplesAreThoseOfTheirSamples(objective: WeightObjective) throws {
        let model = try PrunedModel("mnist-mlp")
        let layers = ["fc3.weight", "fc4.weight"]
        let all = try model.circuits([objective], tolerance: 0.01, samples: 0..<Self.samples, layers: layers, resamples: 3)
        let circuit = try #require(all.circuits.first)
        let bootstrap = try #require(circuit.bootstrap)
        let own = circuit.mask.layers.map(\.isKept)
        var counts = own.map { [Int](repeating: 0, count: $0.count) }
        var overlap = 0.0
        for index in 0..<3 {
            let drawn = CircuitBootstrap.draw(labels: try Self.labels(model), seed: 0, index: index).sorted()
            let found = try model.circuits([objective], tolerance: 0.01, samples: drawn, layers: layers)
            let masks = try #require(found.circuits.first).mask.layers.map(\.isKept)
            var (shared, union) = (0, 0)
            for layer in own.indices {
                for place in own[layer].indices {
                    counts[layer][place] += masks[layer][place] ? 1 : 0
                    shared += masks[layer][place] && own[layer][place] ? 1 : 0
                    union += masks[layer][place] || own[layer][place] ? 1 : 0
                }
            }
            overlap += Double(shared) / Double(union) / 3
        }
        #expect(abs(bootstrap.meanOverlap - overlap) < 1e-12 && overlap > 0.1 && overlap < 1)
        for layer in own.indices {
            let kept = own[layer].indices.filter { own[layer][$0] }
            #expect(circuit.returned(layer: layer) == kept.map { Double(counts[layer][$0]) / 3 })
        }
    }

    @Test func everyClassStaysAsLargeAsItIs() throws {
        let labels: [Int32] = [2, 0, 2, 1, 2, 0]
        let draws = (0..<200).map { CircuitBootstrap.draw(labels: labels, seed: 5, index: $0) }
        for drawn in draws { #expect(drawn.map { labels[$0] } == labels) }
        // Each sample of a class comes as often as another; of class 1 there is one.
        for sample in [0, 2, 4] { #expect((140...260).contains(draws.joined().count { $0 == sample })) }
        #expect(draws.joined().count { $0 == 3 } == 200)
        #expect(CircuitBootstrap.draw(labels: labels, seed: 5, index: 7) == draws[7])
        #expect(Set(draws).count > 30)
    }

    @Test func aSampleAloneGivesTheSameCircuitAgain() throws {
        let model = try PrunedModel("mnist-mlp")
        let found = try model.circuits([.divergence], tolerance: 0.01, samples: 0..<1, layers: ["fc4.weight"], resamples: 2)
        let circuit = try #require(found.circuits.first)
        #expect(circuit.bootstrap?.meanOverlap == 1)
        #expect(circuit.returned(layer: 0)?.allSatisfy { $0 == 1 } == true)
        let plain = try model.circuits([.divergence], tolerance: 0.01, samples: 0..<1, layers: ["fc4.weight"])
        #expect(plain.circuits.first?.bootstrap == nil && plain.circuits.first?.returned(layer: 0) == nil)
    }
}
