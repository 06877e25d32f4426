import Checkpoints
import Modularity
import Tensors
import Testing
import Text

@testable import Training

/// The term's value against the measure of the library that knows matrices, its gradient against differences in double precision.
struct ClusterabilityTermTests {
    /// C by its definition, in double precision, of the matrix that a layout reads from stored elements.
    private func clusterability(_ elements: [Double], _ layout: MatrixLayout, _ out: [Int], _ input: [Int]) -> Double {
        var (inside, total) = (0.0, 0.0)
        for (place, element) in elements.enumerated() {
            let (row, column) =
                switch layout {
                case .asStored(_, let columns): (place / columns, place % columns)
                case .convolution(_, let columns, let kernel): (place / kernel / columns, place / kernel % columns)
                case .transposed(_, let inputs, let outputs):
                    (place / (inputs * outputs) * outputs + place % outputs, place % (inputs * outputs) / outputs)
                case .transposedConvolution(let filters):
                    (
                        place / (filters.inputs * filters.outputs * filters.kernel) * filters.outputs
                            + place / filters.kernel % filters.outputs,
                        place / (filters.outputs * filters.kernel) % filters.inputs
                    )
                }
            total += element * element
            if out[row] >= 0, out[row] == input[column] { inside += element * element }
        }
        return inside / total
    }

    @Test(arguments: [
        MatrixLayout.asStored(out: 21, in: 35), .transposed(blocks: 3, in: 19, out: 7), .convolution(out: 6, in: 5, kernel: 9),
        .transposed(blocks: 1, in: 40, out: 33), .asStored(out: 3, in: 1200),
        .transposedConvolution(TransposedFilters(1, shape: [7, 5, 2, 3])), .transposedConvolution(TransposedFilters(3, shape: [12, 5, 4])),
    ]) func the_gradient_is_that_of_differences(layout: MatrixLayout) throws {
        var generator = SeededGenerator(seed: 4)
        let kernel =
            switch layout {
            case .convolution(_, _, let kernel): kernel
            case .transposedConvolution(let filters): filters.kernel
            case .asStored, .transposed: 1
            }
        let count = layout.rows * layout.columns * kernel
        let values = (0..<count).map { _ in Float(generator.normal()) }
        let weights = Tensor(shape: [count], values)
        // Clusters -1 are none: never inside, though both sides have them.
        let out = (0..<layout.rows).map { $0 % 5 == 4 ? -1 : $0 % 3 }
        let input = (0..<layout.columns).map { $0 % 7 == 6 ? -1 : $0 % 3 }
        let squares = LabelledSquares(layout, out: out, in: input)
        let sums = squares.sums(of: weights, team: Team(size: 2))
        let wide = values.map(Double.init)
        let share = try #require(sums.share)
        #expect(abs(share - clusterability(wide, layout, out, input)) < 1e-6)

        let gradient = MutableTensor.zeros([count])
        squares.addMultiples(
            of: weights, inside: Float(2 * (1 - share) / sums.total), outside: Float(-2 * share / sums.total), to: gradient,
            team: Team(size: 2))
        let found = gradient.elements
        let largest = found.map(abs).max() ?? 0
        for place in stride(from: 0, to: count, by: max(1, count / 60)) {
            var (up, down) = (wide, wide)
            up[place] += 1e-4
            down[place] -= 1e-4
            let difference = (clusterability(up, layout, out, input) - clusterability(down, layout, out, input)) / 2e-4
            #expect(abs(Double(found[place]) - difference) < 1e-5 * Double(largest) + 1e-9, "element \(place)")
        }
    }

    @Test func the_value_is_the_scores() throws {
        var generator = SeededGenerator(seed: 9)
        let values = (0..<60 * 44).map { _ in Float(generator.normal()) }
        let (out, input) = (Labels.contiguous(count: 60, clusters: 4), Labels.contiguous(count: 44, clusters: 4))
        let matrix = Matrix<Float>(rows: 60, columns: 44) { target in for place in target.indices { target[place] = values[place] } }
        let score = try Clusterability(of: .single(matrix), outLabels: out, inLabels: input)
        let sums = LabelledSquares(.asStored(out: 60, in: 44), out: out.values, in: input.values).sums(
            of: Tensor(shape: [60, 44], values), team: Team(size: 1))
        #expect(abs(try #require(sums.share) - (try #require(score.clusterability))) < 1e-6)
    }

    @Test func a_matrix_of_zeros_has_no_value_and_no_gradient() throws {
        let run = try ReferenceRun("mnist-mlp adam 20")
        let term = try ClusterabilityTerm(lambda: 20, layers: run.layers, network: run.network)
        var parameters = run.network.values
        let first = try #require(run.network.parameter(named: "fc2.weight"))
        parameters[first] = MutableTensor.zeros([32, 32])
        let team = Team(size: 1)
        let found = term.clusterability(parameters, team: team)
        #expect(found[0] == nil && found[1] != nil)
        let gradient = MutableTensor.zeros([32, 32])
        term.addGradient(term.sums(parameters, team: team), parameters, to: [first: gradient], team: team)
        #expect(gradient.elements.allSatisfy { $0 == 0 })
        #expect(abs(term.loss(term.sums(parameters, team: team)) + 10 * (found[1] ?? 0)) < 1e-12)
    }

    @Test func clusters_of_another_size_are_refused() throws {
        let run = try ReferenceRun("mnist-mlp adam 20")
        let layer = try #require(run.catalog["fc2.weight"])
        let clustering = LayerClustering(
            layer: "fc2.weight", clusterCount: 4, outLabels: .contiguous(count: 31, clusters: 4),
            inLabels: .contiguous(count: 32, clusters: 4))
        let error = try #require(throws: Problem.self) {
            try ClusterabilityTerm(lambda: 20, layers: [(layer, clustering)], network: run.network)
        }
        #expect(
            error.description
                == "tensor 'fc2.weight': the clusters do not fit the layer, expected 32 out- and 32 in-neurons, found 31 and 32")
    }
}
