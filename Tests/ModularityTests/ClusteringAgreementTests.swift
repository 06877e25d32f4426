import Foundation
import Modularity
import Tensors
import TestSupport
import Testing

/// The values of scikit-learn, scipy and numpy, written by `fixtures/compare_files.py`.
private struct Expected: Decodable {
    struct Agreement: Decodable {
        let first: [Int]
        let second: [Int]
        let neurons: Int
        let adjusted_rand: Double
        let normalized_mutual_information: Double
        let matched: Double
    }
    let agreement: [Agreement]

    init() throws {
        self = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/compare.json"))))
    }
}

@Suite struct ClusteringAgreementTests {
    @Test func agreement_is_that_of_scikit_learn() throws {
        for expected in try Expected().agreement {
            let (first, second) = (Labels(expected.first), Labels(expected.second))
            for found in [ClusteringAgreement(first, second), ClusteringAgreement(second, first)] {
                #expect(found.neuronCount == expected.neurons)
                #expect(found.unclusteredCount == first.count - expected.neurons)
                #expect(abs(try #require(found.adjustedRand) - expected.adjusted_rand) < 1e-12, "\(expected)")
                #expect(
                    abs(try #require(found.normalizedMutualInformation) - expected.normalized_mutual_information) < 1e-12, "\(expected)")
                #expect(abs(try #require(found.matched) - expected.matched) < 1e-12, "\(expected)")
            }
        }
    }

    @Test func names_of_clusters_do_not_matter() {
        let first = Labels([0, 1, 2, 0, 1, 2, 1])
        let found = ClusteringAgreement(first, first.renamed([4095, 0, 17]))
        #expect(found.adjustedRand == 1 && found.matched == 1 && found.normalizedMutualInformation == 1)
    }

    @Test func shared_neurons_are_counted_and_the_best_matching_is_found() {
        // By hand: cluster 0 of A lies mostly in 2 of B, but so does all of 1, which is larger.
        let first = Labels([0, 0, 0, 1, 1, 1, 1, 2, -1, 0])
        let second = Labels([2, 2, 0, 2, 2, 2, 2, 3, 1, -1])
        let found = SharedNeurons(first, second, clusters: (4, 4))
        #expect(found.counts == [[1, 0, 2, 0], [0, 0, 4, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
        #expect(found.counterparts == [0, 2, 3, nil])
        // As many as the matching of the agreement has: 1 + 4 + 1 of 8.
        #expect(ClusteringAgreement(first, second).matched == 6.0 / 8)
        let narrow = SharedNeurons(Labels([0, 1, 1]), Labels([0, 0, 0]), clusters: (2, 1))
        #expect(narrow.counts == [[1], [2]] && narrow.counterparts == [nil, 0])
        let wide = SharedNeurons(Labels([0, 0, 0]), Labels([0, 2, 2]), clusters: (1, 3))
        #expect(wide.counts == [[1, 0, 2]] && wide.counterparts == [2])
        #expect(SharedNeurons(Labels([]), Labels([]), clusters: (0, 0)).counterparts.isEmpty)
    }

    @Test(arguments: [[Int](), [-1, -1], [0, -1]]) func nothing_to_compare_is_undefined(first: [Int]) {
        let found = ClusteringAgreement(Labels(first), Labels(first.map { -1 - $0 }))
        #expect(found.neuronCount == 0 && found.unclusteredCount == first.count)
        #expect(found.adjustedRand == nil && found.normalizedMutualInformation == nil && found.matched == nil)
    }

    @Test func unrelated_clusterings_of_many_neurons_do_not_overflow() throws {
        var generator = SeededGenerator(seed: 1)
        let labels = (0..<2).map { _ in Labels((0..<300_000).map { _ in generator.integer(below: 3) }) }
        let found = ClusteringAgreement(labels[0], labels[1])
        #expect(abs(try #require(found.adjustedRand)) < 1e-3)
        #expect(try #require(found.normalizedMutualInformation) < 1e-3)
        #expect(abs(try #require(found.matched) - 1.0 / 3) < 1e-2)
    }
}
