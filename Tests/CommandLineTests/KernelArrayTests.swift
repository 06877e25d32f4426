import Checkpoints
import Foundation
import TestSupport
import Testing

/// Weights of Keras and Flax as arrays by their names, whose square kernels only the names tell from PyTorch's matrices (fixtures/make_kernels.py).
struct KernelArrayTests {
    private static let named = [
        "keras.npz", "keras.safetensors", "keras-tf.safetensors", "fortran.npz", "keras2.npz", "keras.pt", "flax.npz", "flax.safetensors",
    ]

    private func path(_ name: String) -> String { Fixtures.path("kernels/" + name) }

    private func expected(_ file: String) throws -> Double {
        let losses = try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: URL(fileURLWithPath: path("expected.json"))))
        return try #require(losses[file])
    }

    private func loss(_ file: String, data: String = "data.npz", _ words: String?) throws -> Double {
        let result = try BuiltCommand.run(
            ["eval", file.hasPrefix("/") ? file : path(file), "--data", path(data), "--quiet", "--format", "tsv"]
                + (words.map { ["--arch", $0] } ?? []))
        let rows = result.rows
        let column = try #require(rows.first?.firstIndex(of: "loss"), "\(result.errors)")
        return try #require(Double(rows[1][column]))
    }

    @Test(arguments: named, ["h1,relu,h2,relu,out", nil]) func modulesAreNamedByTheirLayers(file: String, words: String?) throws {
        let (found, wanted) = (try loss(file, words), try expected(file))
        #expect(abs(found - wanted) < 1e-5, "\(found), not \(wanted)")
    }

    @Test(arguments: named + ["vars.npz", "tensorflow.npz"]) func kernelsAreReadAsTheirLibrariesStoreThem(file: String) throws {
        let checkpoint = try Checkpoint.open(path(file))
        let names = checkpoint.tensors.map(\.name)
        let layers =
            switch file {
            case "vars.npz": ["dense/", "dense_1/", "dense_2/"]
            case "tensorflow.npz": ["/0/", "/1/", "/2/"]
            default: ["h1", "h2", "out"]
            }
        let words = try layers.map { layer in
            let own = names.filter { $0.contains(layer) }
            let weight = try #require(own.first { checkpoint[$0]?.shape.count == 2 })
            let bias = try #require(own.first { checkpoint[$0]?.shape.count == 1 })
            return "linear(weight=\(weight),bias=\(bias))"
        }.joined(separator: ",relu,")
        let (found, wanted) = (try loss(file, words), try expected(file))
        #expect(abs(found - wanted) < 1e-5, "\(found), not \(wanted)")
        let info = try BuiltCommand.run(["info", path(file)])
        #expect(info.text.contains("square kernels are read as [in, out], as Keras and Flax store them"))
    }

    @Test(arguments: ["keras.npz", "flax.safetensors"]) func whatIsConvertedIsReadAsItWasWritten(file: String) throws {
        for name in ["out.safetensors", "out.tar"] {
            try TemporaryFolder.with { folder in
                let written = folder + "/" + name
                let result = try BuiltCommand.run(["convert", path(file), "-o", written])
                #expect(result.status == 0 && result.errors.contains("kernels are written as PyTorch orders weights"), "\(result.errors)")
                let (found, wanted) = (try loss(written, nil), try expected(file))
                #expect(abs(found - wanted) < 1e-5, "\(found), not \(wanted)")
            }
        }
    }

    @Test func convolutionsAreThoseOfKeras() throws {
        let front = "input(3x7x7),conv,relu,deep(groups=4),relu,twice(groups=4),"
        let (found, wanted) = (try loss("cnn.npz", data: "images.npz", front + "transpose(0,2,3,1),flatten,fc"), try expected("cnn.npz"))
        #expect(abs(found - wanted) < 1e-5, "\(found), not \(wanted)")
        // Keras flattens with the channels last.
        let result = try BuiltCommand.run(
            ["eval", path("cnn.npz"), "--data", path("images.npz"), "--arch", front + "flatten,fc"])
        #expect(
            result.status == 1
                && result.errors.contains(
                    "'flatten': has the channels first, and 'sequential_1/twice/kernel' is of Keras or Flax, which have them last, expected "
                        + "transpose(0,2,3,1) before it"),
            "\(result.errors)")
    }

    /// Without biases, the names of layers and variables say which kernels are depthwise.
    @Test func convolutionsWithoutBiasesAreThoseOfKeras() throws {
        let words =
            "input(3x7x7),conv_dw_1(groups=3),block_depthwise(groups=3),relu,block_project,conv(weight=sequential_2/sep/depthwise_kernel,groups=6),"
            + "conv(weight=sequential_2/sep/pointwise_kernel,bias=sequential_2/sep/bias),globalavgpool,flatten,fc"
        let (found, wanted) = (try loss("bare.npz", data: "images.npz", words), try expected("bare.npz"))
        #expect(abs(found - wanted) < 1e-5, "\(found), not \(wanted)")
    }

    @Test func normsOfKerasHaveTheirEpsilon() throws {
        let words = "input(3x7x7),conv,norm(eps=0.001),relu,globalavgpool,flatten,last(eps=0.01),fc"
        let (found, wanted) = (try loss("normed.npz", data: "images.npz", words), try expected("normed.npz"))
        #expect(abs(found - wanted) < 1e-5, "\(found), not \(wanted)")
        let result = try BuiltCommand.run([
            "eval", path("normed.npz"), "--data", path("images.npz"), "--arch", words.replacingOccurrences(of: "(eps=0.001)", with: ""),
        ])
        #expect(
            result.status == 1
                && result.errors.contains("'norm': is a norm of Keras without its epsilon, expected 'norm(eps=0.001)', which is Keras's"),
            "\(result.errors)")
    }

    @Test func aTransposedConvolutionHasTheSidesThatItsBiasShows() throws {
        let catalog = LayerCatalog(try Checkpoint.open(path("up.npz")))
        let layer = try #require(catalog.layers.first)
        #expect(layer.outNeurons == 6 && layer.inNeurons == 4)
    }

    @Test(arguments: ["matmul(sequential/h1/kernel)", "linear(weight=sequential/h1/kernel,layout=in_out)"])
    func whatIsTurnedRoundIsNotTurnedAgain(word: String) throws {
        let result = try BuiltCommand.run(["eval", path("keras.npz"), "--data", path("data.npz"), "--arch", "\(word),relu,h2,relu,out"])
        #expect(
            result.status == 1
                && result.errors.contains(
                    "reads a kernel of Keras or Flax, which is turned round to [out, in], expected linear(weight=sequential/h1/kernel)"),
            "\(result.errors)")
    }
}
