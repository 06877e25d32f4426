import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Training

/// Weights that an exporter has stored a second time, turned round, and weights that only are equal; `make_copies.py` made a step with the models
/// themselves.
@Suite struct StoredCopyTests {
    private static let expected = Result { try Checkpoint.open(Fixtures.path("copies/expected.safetensors")) }

    /// Compares a step of training with PyTorch's, in a file of each format.
    ///
    /// - Parameters:
    ///   - parameters: PyTorch's names by those of the tensors, where they are others.
    ///   - turned: the tensors that are read as [in, out], and are [out, in] in the checkpoint.
    ///   - left: the tensors of numbers that are no parameters.
    private func expectStep(_ file: String, _ parameters: [String: String] = [:], turned: Set<String> = [], left: Set<String> = []) throws {
        let model = String(file.prefix { $0 != "." })
        let checkpoint = try Checkpoint.open(Fixtures.path("copies/\(file).onnx"))
        var request = FinetuneRequest(try LoadedModel(checkpoint), data: DatasetSource(path: Fixtures.path("copies/\(model).npz")))
        request.layers = ["*.weight"]
        request.lambda = 0
        request.training.batch = .wholeData
        request.training.length = .steps(1)
        request.training.optimizer = Optimizer(.sgd)
        request.training.learningRate = 0.1
        let run = try request.prepared()
        #expect(try run.run() == .complete)
        let expected = try Self.expected.get()
        try TemporaryFolder.with { folder in
            for output in [folder + "/out.onnx", folder + "/out.tar"] {
                try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
                let made = try Checkpoint.open(output)
                #expect(made.tensors.map(\.name).sorted() == checkpoint.tensors.map(\.name).sorted())
                for tensor in made.tensors where !left.contains(tensor.name) {
                    let wanted = try #require(expected["\(model)/\(parameters[tensor.name] ?? tensor.name)"], "\(tensor.name)")
                    var numbers = wanted.doubles()
                    if turned.contains(tensor.name) {
                        #expect(tensor.shape == wanted.shape.reversed())
                        let (rows, columns) = (wanted.shape[0], wanted.shape[1])
                        numbers = (0..<columns).flatMap { column in (0..<rows).map { numbers[$0 * columns + column] } }
                    }
                    let worst = zip(tensor.doubles(), numbers).map { abs($0 - $1) }.max() ?? 1
                    #expect(worst < 1e-6 && tensor.elementCount == numbers.count, "\(output): \(tensor.name) is off by \(worst)")
                }
                _ = try LoadedModel(made)
            }
        }
    }

    @Test(arguments: [
        ("tied.script", "table.weight", "head.weight"), ("tied.dynamo", "head.weight", "val_2"), ("tied.bare", "head.weight", "val_2"),
    ]) func aTableThatIsTheHeadTooIsOneWeight(file: String, name: String, second: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("copies/\(file).onnx"))
        #expect(checkpoint.ties.groups == [[name, second]])
        try expectStep(file, [name: "table.weight", second: "table.weight"], left: ["val_5"])
    }

    /// The copy is none of the checkpoint's tensors: the graph turns the encoder round, as the model does.
    @Test(arguments: ["flat.script", "flat.dynamo", "flat.bare", "long.script", "long.dynamo", "long.bare"])
    func anEncoderThatIsTheDecoderTooIsOneWeight(file: String) throws {
        let names = try Checkpoint.open(Fixtures.path("copies/\(file).onnx")).tensors.map(\.name)
        #expect(names.count { $0 != "val_7" } == 5 && names.contains("coder.encoder.weight"), "\(names)")
        try expectStep(file, left: ["val_7"])
    }

    /// Numbers are no evidence where the file says of which parameter a tensor was computed, or which module reads it.
    @Test func weightsThatOnlyAreEqualStaySeveral() throws {
        try expectStep("apart.script", turned: ["factor", "one"])
        for file in ["apart.script", "apart.dynamo", "apart.bare"] {
            let checkpoint = try Checkpoint.open(Fixtures.path("copies/\(file).onnx"))
            #expect(checkpoint.ties.groups.isEmpty, "\(file)")
            let names = Set(checkpoint.tensors.map(\.name))
            #expect(names.isSuperset(of: ["encoder.weight", "decoder.weight", "factor", "back.weight", "one"]), "\(file): \(names)")
            #expect(checkpoint.module?.equalMatrices.isEmpty == true, "\(file)")
        }
    }

    /// Which weights were found to be one by their numbers, or may be one, is told.
    @Test func whatOnlyNumbersSayIsTold() throws {
        func told(_ file: String) throws -> (equal: [String], undecided: [String]) {
            let module = try Checkpoint.open(Fixtures.path("copies/\(file).onnx")).module
            return (module?.equalMatrices.map(\.copy) ?? [], module?.undecidedMatrices.map(\.copy) ?? [])
        }
        #expect(try told("tied.dynamo") == ([], []))
        #expect(try told("tied.script") == (["onnx::MatMul_13"], []))
        #expect(try told("flat.bare") == (["t"], []))
        #expect(try told("long.script") == ([], []))
        // A matrix that is still 1 on the diagonal has too few different numbers.
        #expect(try told("fresh.script") == ([], ["onnx::MatMul_9"]))
    }

    /// Both exporters store equal matrices once: they are one, which is told.
    @Test func parametersThatAreOneBecauseTheyWereEqualAreTold() throws {
        func told(_ file: String) throws -> [String] {
            try #require(try Checkpoint.open(Fixtures.path("\(file).onnx")).module).mergedMatrices
        }
        #expect(try told("copies/apart.dynamo") == ["other.weight"])
        for exporter in ["script", "dynamo"] {
            #expect(try told("copies/stack.\(exporter)") == ["layers.1.weight", "layers.2.weight"], "\(exporter)")
            for name in ["long", "flat"] { #expect(try told("copies/\(name).\(exporter)").isEmpty, "\(name) \(exporter)") }
        }
        for file in ["copies/apart.script", "copies/tied.dynamo", "equal-vectors/fresh.script"] {
            #expect(try told(file).isEmpty, "\(file)")
        }
    }

    /// What the newer exporter has computed of a parameter in another way is named with it.
    @Test func whatIsTrainedInPlaceOfParametersIsTold() throws {
        for (file, value, parameters) in [("bias", "slice_scatter", ["qkv.bias"]), ("rows", "select_scatter", ["base", "column"])] {
            let module = try #require(try Checkpoint.open(Fixtures.path("written/\(file).dynamo.onnx")).module)
            #expect(module.computedTensors.map(\.value) == [value] && module.computedTensors[0].parameters == parameters)
        }
        let module = try #require(try Checkpoint.open(Fixtures.path("written/shift.dynamo.onnx")).module)
        #expect(module.computedTensors.isEmpty)
    }
}
