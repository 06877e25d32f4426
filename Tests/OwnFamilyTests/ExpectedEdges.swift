import Circuits
import Datasets
import Evaluation
import Foundation
import TestSupport
import Testing

/// The edges of a network on pairs of samples as PyTorch's hooks gave them.
struct ExpectedEdges: Decodable {
    /// A circuit of several edges and the difference of logits that it gives.
    struct Circuit: Decodable {
        let left: [Int]
        let difference: Double
    }

    let clean: [[Int32]]
    let corrupted: [[Int32]]
    let right: [Int32]
    let wrong: [Int32]
    /// The names, in the order of the values.
    let edges: [String]
    /// The effect of each edge patched alone.
    let exact: [Double]
    /// The effect of each edge to first order.
    let eap: [Double]
    let circuits: [Circuit]?

    /// - Parameter file: of `fixtures`, an object by the models' names.
    init(_ name: String, in file: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path(file)))
        self = try #require(try JSONDecoder().decode([String: ExpectedEdges].self, from: data)[name])
    }

    /// The pairs of token sequences.
    var pairs: BehaviourPairs {
        let samples = [clean, corrupted].map { Dataset(name: "pairs", inputs: .tokens(TokenSequences($0)), targets: .none) }
        return pairs(clean: samples[0], corrupted: samples[1])
    }

    func pairs(clean: Dataset, corrupted: Dataset) -> BehaviourPairs {
        BehaviourPairs(
            name: "pairs", clean: clean, corrupted: corrupted, answers: right.map { [$0] }, wrongAnswers: wrong.map { [$0] })
    }

    /// Expects the edges of an experiment, each patched alone and by attribution, to be these.
    func expectAgreement(of experiment: EdgeExperiment) throws {
        let names = (0..<experiment.graph.edgeCount).map(experiment.graph.name)
        #expect(Set(names) == Set(edges) && names.count == edges.count)
        for (found, wanted) in [
            (try ExactPatching(experiment).scores().means, exact), (try EdgeAttribution(experiment).scores().means, eap),
        ] {
            let wanted = Dictionary(uniqueKeysWithValues: zip(edges, wanted))
            let scale = wanted.values.map(abs).max() ?? 0
            #expect(scale > 0.01)
            for (name, value) in zip(names, found) {
                let other = try #require(wanted[name])
                #expect(abs(value - other) <= 1e-4 * scale, "\(name): \(value) for \(other)")
            }
        }
    }
}
