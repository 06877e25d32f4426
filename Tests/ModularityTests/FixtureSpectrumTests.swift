import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Modularity

/// The values of numpy and scikit-learn for the fixtures.
private struct Expected: Decodable {
    struct Layer: Decodable {
        struct Inertias: Decodable {
            struct Sides: Decodable {
                let out: Double
                let `in`: Double
            }
            let bsgc: Sides?
            let cocluster: Double?
        }
        let layer: String
        let singularValues: [Double]
        let kmeansInertia: Inertias?
    }
    let clusterCount: Int
    let layers: [Layer]

    init(_ name: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/\(name).json"))))
    }
}

@Suite struct FixtureSpectrumTests {
    private func weights(_ checkpoint: String, _ layer: String) throws -> WeightMatrix {
        let catalog = LayerCatalog(try Checkpoint.open(Fixtures.path(checkpoint)))
        return try #require(catalog[layer]).weights()
    }

    private static let cases = [
        ("mlp", "mlp.npz"), ("cnn", "cnn.pt"), ("gpt2-tiny", "gpt2-tiny"), ("llama-tiny", "llama-tiny"),
        ("pythia-tiny", "pythia-tiny"), ("edge", "edge.npz"),
    ]

    @Test(arguments: cases)
    func singular_values_are_those_of_LAPACK(name: String, checkpoint: String) throws {
        for layer in try Expected(name).layers {
            let weights = try weights(checkpoint, layer.layer)
            let spectrum = try BipartiteSpectrum(
                of: weights, name: layer.layer, count: layer.singularValues.count, generator: SeededGenerator(seed: 0), threads: 1)
            // A matrix of zeros has no normalised form.
            guard !spectrum.values.isEmpty else { continue }
            #expect(spectrum.values.count == layer.singularValues.count)
            for (found, expected) in zip(spectrum.values, layer.singularValues) { #expect(abs(found - expected) < 1e-6) }
        }
    }

    @Test(arguments: cases)
    func k_means_is_within_a_hundredth_of_scikit_learn(name: String, checkpoint: String) throws {
        let expected = try Expected(name)
        var compared = 0
        for layer in expected.layers {
            guard let inertias = layer.kmeansInertia else { continue }
            let spectrum = try BipartiteSpectrum(
                of: try weights(checkpoint, layer.layer), name: layer.layer, count: expected.clusterCount,
                generator: SeededGenerator(seed: 0), threads: 1)
            var pairs: [(PointSet, Double)] = []
            if let sides = inertias.bsgc {
                pairs += [(spectrum.outPoints(expected.clusterCount), sides.out), (spectrum.inPoints(expected.clusterCount), sides.in)]
            }
            if let both = inertias.cocluster { pairs.append((spectrum.stackedPoints(expected.clusterCount), both)) }
            for (points, inertia) in pairs {
                let means = try KMeans(
                    points, clusterCount: expected.clusterCount, restarts: 10, generator: SeededGenerator(seed: 1), threads: 1)
                #expect(means.inertia <= 1.01 * inertia + 1e-9, "\(layer.layer)")
                compared += 1
            }
        }
        #expect(compared > 0)
    }
}
