import Circuits
import Foundation
import TestSupport
import Testing

/// Circuits of weights against the plain algorithm: one forward pass of PyTorch for every weight, in double precision.
@Suite struct PruningTests {
    struct Case: Decodable, Sendable, CustomStringConvertible {
        let model: String
        let samples: Int
        let objective: String
        let label: Int?
        let tolerance: Double
        let loss: Double
        /// The smallest distance of a mean loss from the limit that a decision was made by.
        let margin: Double
        /// By tensor, eight weights a byte, the first in the highest bit, in hexadecimal.
        let kept: [String: String]

        var description: String { "\(model), \(objective), \(label.map(String.init) ?? "all")" }

        var goal: WeightObjective {
            switch (objective, label) {
            case ("label-loss", let label?): .labelLoss(label: label)
            case (_, let label?): .labelDivergence(label: label)
            case (_, nil): .divergence
            }
        }

        func isKept(_ tensor: String, count: Int) throws -> [Bool] {
            let digits: [Int] = try #require(kept[tensor]).compactMap(\.hexDigitValue)
            return (0..<count).map { place in
                let bit = digits[place / 4] >> (3 - place % 4)
                return bit % 2 == 1
            }
        }
    }

    private struct Cases: Decodable { let cases: [Case] }

    static let cases: [Case] = {
        let data = try? Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/pruning.json")))
        return data.flatMap { try? JSONDecoder().decode(Cases.self, from: $0).cases } ?? []
    }()

    @Test func thereAreCases() { #expect(Self.cases.count == 7) }

    @Test(arguments: cases) func theSameWeightsAreKept(_ expected: Case) throws {
        // No decision in any case depends on rounding.
        #expect(expected.margin > 1e-12)
        let result = try PrunedModel(expected.model).circuits([expected.goal], tolerance: expected.tolerance, samples: 0..<expected.samples)
        let circuit = try #require(result.circuits.first)
        #expect(result.precision == .double)
        #expect(circuit.mask.layers.count == expected.kept.count)
        for layer in circuit.mask.layers {
            let wanted = try expected.isKept(layer.name, count: layer.isKept.count)
            let differing = layer.isKept.indices.filter { layer.isKept[$0] != wanted[$0] }
            #expect(
                differing.isEmpty, "\(layer.name): \(differing.count) of \(layer.isKept.count) differ, the first \(differing.first ?? -1)")
        }
        #expect(abs(circuit.loss - expected.loss) < 1e-9 * max(1, expected.loss))
    }
}
