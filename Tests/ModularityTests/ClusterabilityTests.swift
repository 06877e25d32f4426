import Tensors
import Testing

@testable import Modularity

@Suite struct ClusterabilityTests {
    /// W = [[2, 1], [1, 3]] with both diagonals inside: sum W^2 = 15, inside 13, r = s = (1/3, 2/3).
    @Test func hand_worked_two_by_two() throws {
        let weights = WeightMatrix.single(Matrix(rows: 2, columns: 2, [2, -1, 1, 3]))
        let result = try Clusterability(of: weights, outLabels: Labels([0, 1]), inLabels: Labels([0, 1]))
        #expect(abs(result[.clusterability]! - 13.0 / 15) < 1e-15)
        #expect(abs(result[.chance]! - (1.0 / 9 + 4.0 / 9)) < 1e-15)
        #expect(abs(result[.modularity]! - (13.0 / 15 - 5.0 / 9)) < 1e-15)
        #expect(abs(result[.adjusted]! - (13.0 / 15 - 5.0 / 9) / (4.0 / 9)) < 1e-15)
        // Volumes 3 + 3 and 4 + 4, within 4 and 6.
        #expect(abs(result[.ncut]! - (2.0 / 6 + 2.0 / 8)) < 1e-15)
    }

    @Test func disjoint_blocks_score_one() throws {
        let weights = WeightMatrix.double(Matrix(rows: 2, columns: 3, [1, 0, 2, 0, 5, 0]))
        let result = try Clusterability(of: weights, outLabels: Labels([0, 1]), inLabels: Labels([0, 1, 0]))
        #expect(result[.clusterability] == 1)
        #expect(result[.adjusted] == 1)
        #expect(result[.ncut] == 0)
    }

    @Test func a_matrix_of_zeros_has_no_score() throws {
        let weights = WeightMatrix.single(.zeros(rows: 2, columns: 2))
        let result = try Clusterability(of: weights, outLabels: Labels([0, 1]), inLabels: Labels([0, 1]))
        #expect(result == (try Clusterability(of: weights, outLabels: Labels([-1, -1]), inLabels: Labels([-1, -1]))))
        #expect(result[.clusterability] == nil && result[.chance] == nil && result[.adjusted] == nil && result[.ncut] == nil)
    }

    @Test func one_cluster_that_holds_everything_has_no_adjusted_score() throws {
        let weights = WeightMatrix.single(Matrix(rows: 2, columns: 2, [0.1, 0.2, 0.3, 0.7]))
        let result = try Clusterability(of: weights, outLabels: Labels([1, 1]), inLabels: Labels([1, 1]))
        #expect(result[.clusterability] == 1)
        #expect(result[.adjusted] == nil)
        #expect(result[.ncut] == 0)
    }

    @Test func neurons_in_no_cluster_are_never_inside() throws {
        let weights = WeightMatrix.single(Matrix(rows: 2, columns: 2, [1, 0, 0, 1]))
        let result = try Clusterability(of: weights, outLabels: Labels([0, -1]), inLabels: Labels([0, -1]))
        #expect(result[.clusterability] == 0.5)
    }

    @Test func scores_do_not_depend_on_the_scale_or_the_threads() throws {
        var generator = SeededGenerator(seed: 1)
        let elements = (0..<40 * 30).map { _ in generator.normal() }
        let out = Labels((0..<40).map { $0 % 3 })
        let into = Labels((0..<30).map { $0 % 3 })
        let plain = try Clusterability(of: .double(Matrix(rows: 40, columns: 30, elements)), outLabels: out, inLabels: into)
        let scaled = try Clusterability(
            of: .double(Matrix(rows: 40, columns: 30, elements.map { $0 * 0x1p-400 })), outLabels: out, inLabels: into, threads: 3)
        #expect(plain == scaled)
    }
}

@Suite struct NullModelTests {
    /// Five null scores with mean 3 and sample variance 2.5; two of them reach 4.
    @Test func mean_deviation_z_and_p() {
        let null = NullModel(observed: 4, null: [1, 2, 3, 4, 5])
        #expect(null.mean == 3)
        #expect(abs(null.standardDeviation! - 2.5.squareRoot()) < 1e-15)
        #expect(abs(null.z! - 1 / 2.5.squareRoot()) < 1e-15)
        #expect(null.p == 3.0 / 6)
    }

    @Test func undefined_parts_are_nil() {
        #expect(NullModel(observed: nil, null: [1, 2]).p == nil)
        #expect(NullModel(observed: 1, null: [1]).standardDeviation == nil)
        #expect(NullModel(observed: 1, null: [1, 1]).z == nil)
        #expect(NullModel(observed: 1, null: [1, 1]).p == 1)
    }
}
