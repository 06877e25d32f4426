import Foundation
import TestSupport
import Testing

@Suite struct ArchitectureOptionTests {
    private func eval(_ architecture: String) throws -> CommandResult {
        try HandWorkedModel.shell("$M eval images.safetensors --data pictures --labels y --format tsv --arch '\(architecture)'")
    }

    @Test(arguments: [
        "conv,adaptiveavgpool(2),flatten,fc", "conv(padding=1),relu,adaptiveavgpool(2x2),flatten,dropout(0.1),fc",
        "conv,gelu(tanh),maxpool(3),flatten,fc",
        "conv(stride=2),avgpool(2,stride=1),flatten,fc",
    ])
    func modulesAndOperationsMakeAChain(architecture: String) throws {
        let result = try eval(architecture)
        #expect(result.status == 0 && result.errors.isEmpty && result.rows.first?[0] == "checkpoint", "\(result.errors)")
        let info = try HandWorkedModel.shell("$M info images.safetensors --format json --arch '\(architecture)'")
        #expect(info.status == 0 && info.text.contains(#""architecture": "\#(architecture)""#), "\(info.errors)")
    }

    @Test(arguments: [
        (
            "conv,flatten,fc2",
            "--arch: 'fc2': is neither a module of the checkpoint nor an operation, expected one of the modules conv, fc, or relu, "
        ),
        ("conv,relu", "--arch: leaves out a module of the checkpoint, expected 'fc'"),
        ("conv,conv,flatten,fc", "--arch: 'conv': names a module twice"),
        ("conv(foo=1),flatten,fc", "--arch: 'conv(foo=1)': has no setting 'foo=1'"),
        ("conv(stride=0),flatten,fc", "--arch: 'conv(stride=0)': setting 'stride', expected a number from 1 to 1048576, found '0'"),
        ("conv(padding=x),flatten,fc", "--arch: 'conv(padding=x)': setting 'padding', expected a number from 0 to 1048576, found 'x'"),
        ("conv,maxpool,flatten,fc", "--arch: 'maxpool': needs 'kernel'"),
        (
            "conv,maxpool(99999999999999999999),flatten,fc",
            "setting 'kernel', expected a number from 1 to 1048576, found '99999999999999999999'"
        ),
        (
            "conv,maxpool(1000000),flatten,fc",
            "site 'conv.maxpool': the kernel is larger than the padded image, expected at most 6x6, found 1000000x1000000"
        ),
        ("conv,fc", "site 'fc': the layer reads a different width, expected 8 numbers, found 2x6x6"),
        ("conv,flatten,fc", "site 'fc': the layer reads a different width, expected 8 numbers, found 72"),
        (
            "conv(padding=100000),adaptiveavgpool(2),flatten,fc",
            "site 'conv': images too large to be computed, expected at most 268435456 numbers a sample, "
        ),
        (
            "conv,adaptiveavgpool(20000),adaptiveavgpool(2),flatten,fc",
            "site 'conv.adaptiveavgpool': images too large to be computed, expected at most "
        ),
        ("fc,conv", "the samples do not fit the model, expected samples of 8, found samples of 8x8"),
    ])
    func oneLineSaysWhatIsWrong(architecture: String, message: String) throws {
        let result = try eval(architecture)
        #expect(result.status == 1 && result.rows.count == 2 && result.errors.split(separator: "\n").count == 1)
        #expect(result.rows.last?.last == "failed")
        #expect(result.errors.hasPrefix("modinspect: images.safetensors: ") && result.errors.contains(message), "\(result.errors)")
    }

    @Test func aConvolutionWithoutADescriptionNeedsOne() throws {
        let result = try HandWorkedModel.shell("$M eval images.safetensors --data pictures --labels y")
        #expect(
            result.status == 1
                && result.errors.hasPrefix(
                    "modinspect: images.safetensors: tensor 'conv.weight': is not linear, and no architecture is given; --arch ")
        )
    }

    @Test func anOutputThatIsNoTableOfScoresIsRefused() throws {
        let files = [
            "conv.safetensors": try SafetensorsFile.bytes([
                (name: "conv.weight", shape: [3, 1, 3, 3], values: [Float](repeating: 1, count: 27))
            ])
        ]
        for (architecture, found) in [("conv", "3x6x6"), ("conv,flatten", "108")] {
            let result = try HandWorkedModel.shell(
                "$M eval conv.safetensors --data pictures --labels y --arch \(architecture)", files: files)
            #expect(result.status == 1)
            #expect(
                result.errors
                    == "modinspect: conv.safetensors: pictures: the model's output is not a table of scores, expected 3 scores a sample, found \(found)\n"
            )
        }
    }

    @Test func infoFindsAnImageThatFits() throws {
        // A side of 8: conv leaves 6, the pool 2 after rounding down; 32x32 would not fit.
        let result = try HandWorkedModel.shell("$M info images.safetensors --arch 'conv,relu,maxpool(3),flatten,fc'")
        #expect(
            result.status == 0 && result.text.contains("runs        as conv,relu,maxpool(3),flatten,fc\n")
                && result.text.contains("conv.maxpool"), "\(result.text)")
    }

    /// What is suggested runs: a kernel of one place needs no padding, and a batch norm has its place.
    @Test func suggestionsRun() throws {
        let files = [
            "n.safetensors": try SafetensorsFile.bytes([
                (name: "0.weight", shape: [2, 1, 1, 1], values: [1, 2]), (name: "1.weight", shape: [2], values: [1, 1]),
                (name: "1.bias", shape: [2], values: [0, 0]), (name: "1.running_mean", shape: [2], values: [0, 0]),
                (name: "1.running_var", shape: [2], values: [1, 1]),
                (name: "3.weight", shape: [3, 32], values: (0..<96).map { Float($0 % 7) }),
            ])
        ]
        let words = "0,1,relu,maxpool(2),flatten,3"
        let refused = try HandWorkedModel.shell("$M eval n.safetensors --data pictures --labels y", files: files)
        #expect(
            refused.errors.contains("; --arch '\(words)' would describe its modules and the operations between them"), "\(refused.errors)")
        let run = try HandWorkedModel.shell("$M eval n.safetensors --data pictures --labels y --arch '\(words)'", files: files)
        #expect(run.status == 0, "\(run.errors)")
    }

    /// Words without a module's name in the checkpoint do not list modules.
    @Test func aFileWithoutModulesHasOperationsAlone() throws {
        let files = ["n.safetensors": try SafetensorsFile.bytes([(name: "W", shape: [3, 3], values: HandWorkedModel.identity)])]
        let result = try HandWorkedModel.shell("$M eval n.safetensors --data x --labels y --arch 'fc'", files: files)
        #expect(result.errors.contains("expected one of the operations relu, "), "\(result.errors)")
    }

    @Test func theSamplesMayHaveALabel() throws {
        let files = ["n.safetensors": try SafetensorsFile.bytes([(name: "W", shape: [3, 3], values: HandWorkedModel.identity)])]
        let results = try ["x=input,linear(weight=W),add(x)", "linear(weight=W),add(input)"].map { words in
            try HandWorkedModel.shell("$M eval n.safetensors --data x --labels y --format tsv --arch '\(words)'", files: files)
        }
        #expect(results.allSatisfy { $0.status == 0 } && results[0].text == results[1].text, "\(results.map(\.errors))")
    }

    /// The widths in a message are those of samples.
    @Test func aWrongWidthIsThatOfASample() throws {
        let result = try HandWorkedModel.shell(
            "$M eval m.safetensors --data x --labels y --arch 'input(4),linear(weight=fc1.weight),relu,fc2,relu,fc3'")
        #expect(result.errors.contains("the layer reads a different width, expected 3 numbers, found 4"), "\(result.errors)")
    }

    /// An architecture that is suggested has the names of the file.
    @Test(arguments: [
        (
            "models/cifar-cnn.pt",
            "--arch 'conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3' would"
        ),
        // Two heads are no chain.
        (
            "ties/outputs.pt",
            "found unknown; --arch describes its modules and the operations between them in words; a file of torch.export or an ONNX file"
        ),
        ("graphs/frozen-traced-sorted.pt", "operation 'torch.sort': is not run: it orders numbers by their size while the model runs\n"),
    ]) func suggestionsHaveTheNamesOfTheFile(file: String, message: String) throws {
        let run = try BuiltCommand.run("eval", Fixtures.path(file), "--data", Fixtures.path("models/cifar-cnn.npz"), "--quiet")
        #expect(run.status == 1 && run.errors.contains(message), "\(run.errors)")
    }
}
