import Checkpoints
import Datasets
import Evaluation
import Foundation
import Networks
import Tensors
import TestSupport
import Testing
import Text

@testable import Modularity
@testable import Training

/// Similarities of neurons compared with those that `make_gradients.py` computes from PyTorch's gradients in double precision.
struct GradientSimilarityTests {
    struct Expected: Decodable {
        struct Side: Decodable {
            let norm: Double
            let values: [Double]
            let dead: [Int]
            let eigenvalues: [Double]
            let inertia: Double?
        }

        let batch: Int
        let layers: [String: [String: Side]]
    }

    private static let all: [String: Expected] = {
        guard let data = FileManager.default.contents(atPath: Fixtures.path("expected/gradients.json")) else { return [:] }
        return (try? JSONDecoder().decode([String: Expected].self, from: data)) ?? [:]
    }()

    private func similarity(
        _ name: String, threads: Int = 2, parameters: (ReferenceModel) throws -> ParameterValues? = { _ in nil }
    ) throws -> (GradientSimilarity, ReferenceModel, Expected) {
        let model = try ReferenceModel(name)
        let expected = try #require(Self.all[name])
        let layers = try expected.layers.keys.sorted().map { try #require(model.catalog[$0]) }
        let similarity = try GradientSimilarity(
            SampleBatches(model.dataset, for: model.network), batchSize: expected.batch, layers: layers, parameters: try parameters(model),
            threads: threads)
        return (similarity, model, expected)
    }

    @Test(arguments: ["planted", "mnist-mlp", "cifar-cnn", "grokking", "gpt2-tiny", "llama-tiny"])
    func similarities_and_their_spectra_are_pytorchs(name: String) throws {
        let (similarity, _, expected) = try similarity(name)
        var compared = 0
        try similarity.forEachLayer { found in
            let spectrum = try SimilaritySpectrum(
                out: found.out, in: found.input, place: found.layer.place, count: 6, seed: 0, threads: 2)
            let sides = try #require(expected.layers[found.layer.name])
            for (side, tensor, side2) in [("out", found.out, spectrum.out), ("in", found.input, spectrum.input)] {
                let wanted = try #require(sides[side])
                let elements = tensor.elements
                let norm = elements.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                #expect(abs(norm - wanted.norm) < 1e-4 * wanted.norm, "\(found.layer.name) \(side)")
                for (place, value) in wanted.values.enumerated() {
                    #expect(abs(Double(elements[place * elements.count / 8]) - value) < 1e-4 * wanted.norm, "\(found.layer.name) \(side)")
                }
                let width = tensor.width
                #expect((0..<width).filter { elements[$0 * width + $0] == 0 } == wanted.dead)
                #expect(Set(0..<width).subtracting(side2.connected) == Set(wanted.dead))
                for (value, eigenvalue) in zip(side2.values, wanted.eigenvalues) { #expect(abs(value - eigenvalue) < 1e-4) }
                if let inertia = wanted.inertia {
                    let means = try KMeans(side2.points(4), clusterCount: 4, restarts: 10, generator: SeededGenerator(seed: 0), threads: 1)
                    #expect(means.inertia < inertia * 1.001 + 1e-9, "\(found.layer.name) \(side)")
                }
                compared += 1
            }
        }
        #expect(compared == 2 * expected.layers.count)
    }

    @Test(arguments: [ClusterCount.fixed(4), .automatic]) func planted_modules_are_found(count: ClusterCount) throws {
        let (similarity, model, expected) = try similarity("planted")
        let spectra = try similarity.spectra(count: count.spectrumSize, seed: 0)
        let layers = try expected.layers.keys.sorted().map { try #require(model.catalog[$0]) }
        let graph = WeightGraph(
            layers: layers.map { layer in
                .init(name: layer.name, place: layer.place, rows: layer.outNeurons, columns: layer.inNeurons) { try layer.weights() }
            })
        let sweep = try ModelAnalysis(
            graph, labels: .clustering(ClusteringOptions(method: .gradient, spectra: spectra), counts: [count]), threads: 2
        ).sweeps[0]
        let planted = try ClusterRows.labels(Fixtures.path("gradients/planted.clusters.tsv"))
        for found in sweep.layers.map(\.clustering) {
            let sides = try #require(planted[found.layer])
            var names: [Int: Int] = [:]
            for (label, wanted) in zip(found.outLabels.values + found.inLabels.values, sides["out", default: []] + sides["in", default: []])
            where label >= 0 {
                #expect(names[wanted, default: label] == label)
                names[wanted] = label
            }
            #expect(Set(names.values).count == 4)
            let dead = found.outLabels.values.indices.filter { found.outLabels[$0] < 0 }
            #expect(dead == (found.layer == "fc2.weight" ? [17] : []))
            #expect(found.inLabels.isolatedCount == 0)
        }
    }

    @Test(arguments: ["mnist-mlp", "cifar-cnn", "gpt2-tiny"]) func threads_change_no_bit(name: String) throws {
        var bits: [[[UInt32]]] = []
        for threads in [1, 3] {
            var found: [[UInt32]] = []
            try similarity(name, threads: threads).0.forEachLayer { layer in
                found += [layer.out, layer.input].map { $0.elements.map(\.bitPattern) }
            }
            bits.append(found)
        }
        #expect(bits[0] == bits[1])
    }

    @Test func other_weights_give_other_similarities() throws {
        func norms(_ parameters: (ReferenceModel) throws -> ParameterValues?) throws -> [Double] {
            var norms: [Double] = []
            try similarity("mnist-mlp", parameters: parameters).0.forEachLayer { layer in
                norms.append(layer.out.elements.reduce(0) { $0 + Double($1) * Double($1) })
            }
            return norms
        }
        let own = try norms { $0.network.values }
        #expect(try norms { _ in nil } == own)
        let other = try norms { model in
            var values = model.network.values
            let last = try #require(model.network.parameter(named: "fc4.weight"))
            values[last] = Tensor(shape: values[last].shape, values[last].elements.reversed())
            return values
        }
        #expect(other != own)
    }

    @Test(arguments: [
        MatrixLayout.asStored(out: 7, in: 11), .transposed(blocks: 3, in: 5, out: 4), .convolution(out: 6, in: 5, kernel: 9),
        .transposed(blocks: 1, in: 8, out: 9), .transposedConvolution(TransposedFilters(1, shape: [5, 4, 2, 3])),
        .transposedConvolution(TransposedFilters(2, shape: [6, 4, 3])),
    ]) func products_are_those_of_the_definition(layout: MatrixLayout) throws {
        let kernel =
            switch layout {
            case .convolution(_, _, let kernel): kernel
            case .transposedConvolution(let filters): filters.kernel
            case .asStored, .transposed: 1
            }
        let count = layout.rows * layout.columns * kernel
        let products = GradientProducts(layout)
        var sums = (
            out: [Double](repeating: 0, count: layout.rows * layout.rows),
            input: [Double](repeating: 0, count: layout.columns * layout.columns)
        )
        for seed in 1...2 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let values = (0..<count).map { _ in Float(generator.normal()) }
            products.add(Tensor(shape: [count], values), team: Team(size: 2))
            // The element of [out, in, kernel] in the stored order.
            func element(_ row: Int, _ column: Int, _ place: Int) -> Double {
                switch layout {
                case .asStored(_, let columns): Double(values[row * columns + column])
                case .convolution(_, let columns, let kernel): Double(values[(row * columns + column) * kernel + place])
                case .transposed(_, let inputs, let outputs):
                    Double(values[(row / outputs * inputs + column) * outputs + row % outputs])
                case .transposedConvolution(let filters):
                    Double(
                        values[
                            ((row / filters.outputs * filters.inputs + column) * filters.outputs + row % filters.outputs) * filters.kernel
                                + place])
                }
            }
            for place in 0..<kernel {
                for row in 0..<layout.rows {
                    for column in 0..<layout.columns {
                        for other in 0..<layout.rows {
                            sums.out[row * layout.rows + other] += element(row, column, place) * element(other, column, place)
                        }
                        for other in 0..<layout.columns {
                            sums.input[column * layout.columns + other] += element(row, column, place) * element(row, other, place)
                        }
                    }
                }
            }
        }
        for (found, expected) in zip(products.out.elements, sums.out) { #expect(abs(Double(found) - expected) < 1e-4) }
        for (found, expected) in zip(products.input.elements, sums.input) { #expect(abs(Double(found) - expected) < 1e-4) }
    }

    @Test func data_without_answers_and_layers_that_are_not_read_are_refused() throws {
        let model = try ReferenceModel("mnist-mlp")
        let layer = try #require(model.catalog["fc2.weight"])
        let silent = Dataset(name: "silent.npz", inputs: model.dataset.inputs, targets: .none)
        let noAnswers = try #require(throws: Problem.self) {
            try GradientSimilarity(SampleBatches(silent, for: model.network), layers: [layer], threads: 1)
        }
        #expect(noAnswers.description == "silent.npz: has no answers, which gradients need")
        let foreign = try #require(try ReferenceModel("cifar-cnn").catalog["conv2.weight"])
        let notRead = try #require(throws: Problem.self) {
            try GradientSimilarity(SampleBatches(model.dataset, for: model.network), layers: [foreign], threads: 1)
        }
        #expect(notRead.description == "tensor 'conv2.weight': the network does not read it")
    }

    @Test func gradients_that_are_not_finite_are_refused_by_name() throws {
        let similarity = try similarity("mnist-mlp") { model in
            var values = model.network.values
            let first = try #require(model.network.parameter(named: "fc1.weight"))
            let spoilt = values[first].copied()
            spoilt.withMutableElements { $0[3] = .infinity }
            values[first] = spoilt
            return values
        }.0
        let error = try #require(throws: Problem.self) { try similarity.forEachLayer { _ in } }
        #expect(error.description.hasPrefix("tensor 'fc2.weight': the gradient is not finite, expected numbers, found "))
    }
}
