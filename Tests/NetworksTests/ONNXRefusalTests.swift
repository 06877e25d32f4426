import Archives
import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Graphs that cannot be run, are damaged, or never end: one line that names the place.
struct ONNXRefusalTests {
    /// A message of protocol buffers, field by field.
    private struct Message {
        var bytes: [UInt8] = []

        static func varint(_ value: Int) -> [UInt8] {
            var (value, bytes) = (UInt64(value), [UInt8]())
            while value >= 0x80 {
                bytes.append(UInt8(value & 0x7F) | 0x80)
                value >>= 7
            }
            return bytes + [UInt8(value)]
        }

        func with(_ field: Int, _ value: Int) -> Message { Message(bytes: bytes + Self.varint(field << 3) + Self.varint(value)) }
        func with(_ field: Int, _ content: [UInt8]) -> Message {
            Message(bytes: bytes + Self.varint(field << 3 | 2) + Self.varint(content.count) + content)
        }
        func with(_ field: Int, _ text: String) -> Message { with(field, Array(text.utf8)) }
        func with(_ field: Int, _ message: Message) -> Message { with(field, message.bytes) }
    }

    private static func node(
        _ operation: String, _ inputs: [String], _ outputs: [String], name: String = "", _ attributes: [Message] = []
    ) -> Message {
        var message = Message()
        for input in inputs { message = message.with(1, input) }
        for output in outputs { message = message.with(2, output) }
        message = message.with(3, name).with(4, operation)
        for attribute in attributes { message = message.with(5, attribute) }
        return message
    }

    private static func value(_ name: String, _ shape: [Int?]) -> Message {
        var lengths = Message()
        for length in shape { lengths = lengths.with(1, length.map { Message().with(1, $0) } ?? Message().with(2, "batch")) }
        return Message().with(1, name).with(2, Message().with(1, Message().with(1, 1).with(2, lengths)))
    }

    /// A model that reads x [batch, 4] and answers with y; it has one weight, w [4, 4].
    private static func model(_ nodes: [Message], inputs: [Message]? = nil, version: Int = 17) -> [UInt8] {
        var graph = Message()
        for node in nodes { graph = graph.with(1, node) }
        let weight = Message().with(1, 4).with(1, 4).with(2, 1).with(8, "w").with(9, [UInt8](repeating: 0, count: 64))
        graph = graph.with(5, weight)
        for input in inputs ?? [value("x", [nil, 4])] { graph = graph.with(11, input) }
        graph = graph.with(12, value("y", [nil, 4]))
        return Message().with(1, 8).with(8, Message().with(1, "").with(2, version)).with(7, graph).bytes
    }

    private static func load(_ bytes: [UInt8]) throws -> Network {
        try LoadedModel(Checkpoint.open(ByteRegion(copying: bytes), path: "m.onnx")).network
    }

    private func expectProblem(_ bytes: [UInt8], _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        do {
            _ = try Self.load(bytes)
            Issue.record("no error", sourceLocation: sourceLocation)
        } catch {
            let line = "\(error)"
            #expect(!line.contains("\n"), sourceLocation: sourceLocation)
            for part in parts { #expect(line.contains(part), "\(line)", sourceLocation: sourceLocation) }
        }
    }

    private static let product = node("MatMul", ["x", "w"], ["h"], name: "first")

    @Test func aSmallGraphRuns() throws {
        let network = try Self.load(Self.model([Self.product, Self.node("Relu", ["h"], ["y"])]))
        #expect(network.nodes.map(\.site) == ["x", "first", "y"])
        #expect(network.unusedTensors.isEmpty)
    }

    @Test func operatorsThatDoNotRunAreNamedWithTheirNode() {
        expectProblem(
            Self.model([Self.product, Self.node("Frobnicate", ["h"], ["y"], name: "odd")]), "node 'odd' (Frobnicate)", "is not run")
        for (operation, reason) in [("Loop", "loops"), ("If", "branches"), ("LSTM", "keeps a state"), ("QLinearMatMul", "quantised")] {
            expectProblem(Self.model([Self.product, Self.node(operation, ["h"], ["y"], name: "n")]), "node 'n' (\(operation))", reason)
        }
        let foreign = Message(bytes: Self.node("Relu", ["h"], ["y"], name: "n").with(7, "com.microsoft").bytes)
        expectProblem(Self.model([Self.product, foreign]), "node 'n' (Relu)", "'com.microsoft'")
    }

    /// What of a sample is kept would depend on its place in the batch.
    @Test func trianglesOfSamplesAreRefused() {
        expectProblem(
            Self.model([Self.product, Self.node("Trilu", ["h"], ["y"], name: "n")]), "node 'n' (Trilu)", "mixes the samples of a batch")
    }

    @Test func whatRunsOnConstantsAloneSaysWhatIsNone() {
        func model(_ data: String, _ places: String) -> [UInt8] {
            let square = Self.node("Mul", ["w", "w"], ["square"], name: "square")
            let scattered = Self.node("ScatterND", [data, places, "w"], ["s"], name: "n")
            return Self.model([Self.product, square, scattered, Self.node("MatMul", ["h", "s"], ["y"])])
        }
        expectProblem(
            model("h", "w"), "node 'n' (ScatterND): the operator is run on constants alone", "found 'h', which is computed of the samples")
        for (data, places) in [("w", "square"), ("square", "w")] {
            expectProblem(
                model(data, places), "node 'n' (ScatterND): writes to places that are computed while the model runs",
                "expected constants, found '\(places)'")
        }
    }

    /// What stands before a loop may not go together for the samples that are tried; the loop is why the graph does not run.
    @Test func aLoopIsNamedBeforeShapesThatDoNotGoTogether() {
        let wrong = Self.node("MatMul", ["x", "w"], ["h"], name: "first")
        for operation in ["LSTM", "GRU", "RNN", "Loop", "Scan"] {
            expectProblem(
                Self.model([wrong, Self.node(operation, ["h"], ["y"], name: "n")], inputs: [Self.value("x", [nil, 5])]),
                "node 'n' (\(operation)): the operator is not run")
        }
    }

    @Test func groupsMustDivideTheChannels() {
        func model(_ groups: Int) -> [UInt8] {
            let setting = Message().with(1, "num_groups").with(3, groups).with(20, 2)
            let node = Self.node("GroupNormalization", ["x", "w", "w"], ["y"], name: "n", [setting])
            return Self.model([node], inputs: [Self.value("x", [nil, 6, 2, 2])], version: 21)
        }
        expectProblem(model(4), "node 'n' (GroupNormalization)", "expected a divisor of 6, found 4")
        expectProblem(model(0), "expected a divisor of 6, found 0")
        expectProblem(model(3), "one number for each channel, expected 6, found 4x4")
    }

    @Test func settingsThatAreNotFollowedAreRefused() {
        let setting = Message().with(1, "odd").with(3, 1).with(20, 2)
        expectProblem(Self.model([Self.product, Self.node("Relu", ["h"], ["y"], [setting])]), "'odd' is not known")
        expectProblem(Self.model([Self.product, Self.node("MatMul", ["h", "w"], ["y"], [setting])]), "'odd' is not known")
        let axis = Message().with(1, "axis").with(3, 1).with(20, 2)
        expectProblem(
            Self.model([Self.product, Self.node("Softmax", ["h"], ["y"], name: "n", [axis, axis])]), "node 'n' (Softmax)",
            "has a setting twice", "'axis'")
    }

    @Test func graphsThatNeverEndAreRefused() {
        expectProblem(
            Self.model([Self.node("Add", ["x", "b"], ["a"]), Self.node("Relu", ["a"], ["b"]), Self.node("Relu", ["b"], ["y"])]), "cycle")
        expectProblem(Self.model([Self.node("Add", ["x", "y"], ["y"])]), "cycle")
        expectProblem(
            Self.model([Self.product, Self.node("Relu", ["h"], ["h"]), Self.node("Relu", ["h"], ["y"])]), "another operator makes too")
    }

    @Test func valuesThatNothingMakesAreNamed() {
        expectProblem(Self.model([Self.node("Add", ["x", "nowhere"], ["y"])]), "'nowhere'")
        expectProblem(Self.model([Self.product]), "made by nothing", "'y'")
        expectProblem(Self.model([Self.node("MatMul", ["x"], ["y"])]), "too few inputs")
    }

    @Test func shapesThatDoNotGoTogetherNameTheNode() {
        expectProblem(
            Self.model([Self.node("MatMul", ["x", "w"], ["y"], name: "first")], inputs: [Self.value("x", [nil, 5])]), "first", "expected 4")
    }

    /// What joins entries along the samples would make a sample's answer depend on its batch, also in a file for one sample.
    @Test(arguments: [nil, 1]) func samplesAreNotMixed(count: Int?) throws {
        func model(_ nodes: Message...) -> [UInt8] { Self.model([Self.product] + nodes, inputs: [Self.value("x", [count, 4])]) }
        func axis(_ place: Int) -> Message { Message().with(1, "axis").with(3, place).with(20, 2) }
        let words =
            "mixes the samples of a batch, expected dimensions that do not depend on their number, found a length of 2 for 2 samples, 3 for 3 samples"
        expectProblem(model(Self.node("Softmax", ["h"], ["y"], name: "s", [axis(0)])), "node 's'", words)
        expectProblem(
            model(Self.node("ReduceMean", ["h"], ["m"], name: "r"), Self.node("Sub", ["h", "m"], ["y"])), "node 'r'", words)
        expectProblem(
            model(
                Self.node("Transpose", ["h"], ["t"]), Self.node("Softmax", ["t"], ["u"], name: "s"), Self.node("Transpose", ["u"], ["y"])),
            "node 's'", words)
        expectProblem(
            model(
                Self.node("Transpose", ["h"], ["t"]), Self.node("MatMul", ["h", "t"], ["g"]),
                Self.node("MatMul", ["g", "h"], ["y"], name: "p")),
            "node 'p'", words)
        #expect(try Self.load(model(Self.node("Softmax", ["h"], ["y"], name: "s", [axis(1)]))).nodes.last?.site == "s")
    }

    @Test func otherInputsAndVersionsAreRefused() {
        expectProblem(
            Self.model([Self.node("Add", ["x", "z"], ["y"])], inputs: [Self.value("x", [nil, 4]), Self.value("z", [nil, 4])]),
            "several inputs", "'x', 'z'")
        expectProblem(Self.model([Self.product, Self.node("Relu", ["h"], ["y"])], version: 99), "expected opset 7 to 23, found 99")
    }

    @Test func graphsCutAnywhereEndInALine() throws {
        let bytes = Self.model([Self.product, Self.node("Relu", ["h"], ["y"])])
        for count in bytes.indices {
            #expect(throws: (any Error).self) { try Self.load(Array(bytes[..<count])) }
        }
    }

    /// Whatever a byte is changed to, reading ends: with a network or with an error.
    @Test(arguments: ["mlp-script", "attention-dynamo", "residual-script", "language-script"])
    func changedBytesDoNoHarm(name: String) throws {
        let region = try ByteRegion.mapping(path: Fixtures.path("onnx/\(name).onnx"))
        let original = region.withUnsafeBytes { Array($0) }
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<60 {
            var bytes = original
            for _ in 0..<3 { bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next()) }
            _ = try? Self.load(bytes)
        }
    }

    /// Lists of a batch norm that are constants of the graph: (1 - mean) / root(variance + epsilon) weight + bias.
    @Test func normsOfConstantsRun() throws {
        func constant(_ name: String, _ numbers: [Float]) -> Message {
            let bytes = numbers.flatMap { number in (0..<4).map { UInt8(number.bitPattern >> (8 * $0) & 255) } }
            return Self.node("Constant", [], [name], [Message().with(1, "value_floats").with(7, bytes).with(20, 6)])
        }
        let lists = [
            constant("s", [1, 2, 3, 4]), constant("b", [0, 0, 1, 1]), constant("m", [0, 1, 2, 3]), constant("v", [4, 4, 1, 16]),
        ]
        let network = try Self.load(
            Self.model(
                lists + [Self.node("BatchNormalization", ["x", "s", "b", "m", "v"], ["h"]), Self.node("MatMul", ["h", "w"], ["y"])]))
        let norm = try #require(network["h"])
        let batch = Batch.values(Tensor(shape: [1, 4], [1, 1, 1, 1]))
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [norm]), team: Team(size: 1))
        let found = try #require(executor.run(batch)[norm]).elements
        for (a, b) in zip(found, [0.5, 0, -2, -1] as [Float]) { #expect(abs(a - b) < 1e-4) }
        expectProblem(
            Self.model([Self.node("BatchNormalization", ["x", "w", "w", "w", "w"], ["y"], name: "n")]), "node 'n'", "lists of one number")
    }

    /// Places of images of any size are no samples; automatic padding follows the size.
    @Test func windowsOverImagesOfAnySizeRun() throws {
        let two = Message().with(8, 2).with(8, 2).with(20, 7).bytes
        let settings = [
            Message(bytes: Message().with(1, "kernel_shape").bytes + two), Message(bytes: Message().with(1, "strides").bytes + two),
            Message().with(1, "auto_pad").with(4, "SAME_UPPER").with(20, 3),
        ]
        let network = try Self.load(
            Self.model([Self.node("MaxPool", ["x"], ["y"], settings)], inputs: [Self.value("x", [nil, 1, nil, nil])]))
        for (samples, side) in [(1, 5), (2, 5), (3, 8)] {
            let shapes = try network.shapes(for: .values([samples, 1, side, side]))
            #expect(shapes[network.output.index] == [samples, 1, (side + 1) / 2, (side + 1) / 2])
        }
    }

    @Test func manyNodesTakeTimeInProportion() throws {
        let count = 30_000
        var nodes = [Self.product]
        for place in 0..<count {
            nodes.append(Self.node("Relu", [place == 0 ? "h" : "v\(place - 1)"], [place + 1 == count ? "y" : "v\(place)"]))
        }
        var graph: [UInt8] = []
        for node in nodes { graph += Message().with(1, node).bytes }
        var tail = Message()
        let weight = Message().with(1, 4).with(1, 4).with(2, 1).with(8, "w").with(9, [UInt8](repeating: 0, count: 64))
        tail = tail.with(5, weight).with(11, Self.value("x", [nil, 4])).with(12, Self.value("y", [nil, 4]))
        let bytes = Message().with(1, 8).with(8, Message().with(1, "").with(2, 17)).with(7, graph + tail.bytes).bytes
        #expect(try Self.load(bytes).nodes.count == count + 2)
    }
}
