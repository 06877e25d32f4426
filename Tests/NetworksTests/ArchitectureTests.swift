import Archives
import Checkpoints
import Foundation
import TestSupport
import Testing
import Text

@testable import Networks

struct ArchitectureTests {
    @Test func elements_and_settings_are_read_and_written_back() throws {
        let architecture = try Architecture(" conv1( padding=1 , stride = 2x1 ),relu , maxpool(2),\n flatten,0,fc.1 ")
        #expect(architecture.elements.map(\.name) == ["conv1", "relu", "maxpool", "flatten", "0", "fc.1"])
        #expect(architecture.elements[0].settings == [.init("padding", "1"), .init("stride", "2x1")])
        #expect(architecture.description == "conv1(padding=1,stride=2x1),relu,maxpool(2),flatten,0,fc.1")
        #expect(try Architecture(architecture.description) == architecture)
    }

    @Test(arguments: ["", ",", "fc1,", "fc1,,fc2", "fc1(", "fc1()", "fc1(a=)", "fc1(=1)", "fc1)fc2", "fc1(1)x", "=fc1", "x=", "add(x"])
    func bad_grammar_is_refused(text: String) {
        #expect(throws: Problem.self) { try Architecture(text) }
    }

    @Test(arguments: ChainOperations.names) func every_operation_that_is_listed_can_be_built(name: String) throws {
        let text = name.split(separator: "(").first.map { name.hasSuffix(")") ? $0 + "(2)" : $0 } ?? ""
        #expect(try ChainOperations.operation(try Architecture(String(text)).elements[0]) != nil)
    }

    private func message(_ text: String, file: String = "models/cifar-cnn.pt") throws -> String {
        let checkpoint = try Checkpoint.open(Fixtures.path(file))
        let error = #expect(throws: Problem.self) { try Chain.network(of: checkpoint, Architecture(text)) }
        return "\(try #require(error))"
    }

    @Test func a_module_that_is_not_there_is_named_with_those_that_are() throws {
        let message = try message("conv1,relu,fc9")
        #expect(message.hasPrefix("the architecture: 'fc9': is neither a module of the checkpoint nor an operation"))
        #expect(message.contains("conv1, bn1, conv2, fc1, fc2, fc3"))
    }

    @Test func a_module_that_is_left_out_or_named_twice_is_said() throws {
        #expect(try message("conv1(padding=1),bn1,conv2,flatten,fc1,fc2").contains("leaves out a module of the checkpoint, expected 'fc3'"))
        #expect(try message("conv1,bn1,conv1").contains("names a module twice"))
    }

    @Test(arguments: [
        ("conv1(padding=-1)", "a number from 0 to 1048576"), ("conv1(stride=0)", "a number from 1 to 1048576"),
        ("conv1(pad=1)", "has no setting 'pad=1', expected stride, padding, dilation, groups"),
        ("conv1(padding=1,padding=2)", "appears twice"), ("conv1,maxpool", "needs 'kernel'"), ("conv1,maxpool(2x2x2)", "a number or HxW"),
        ("conv1,gelu(fast)", "none or tanh"), ("conv1,relu(1)", "has no setting '1', expected no settings"),
        ("conv1,bn1(eps=x)", "a number of at least 0"),
        ("conv1(padding=99999999999999999999)", "a number from 0 to 1048576"),
    ])
    func bad_settings_are_refused_with_what_was_expected(text: String, part: String) throws {
        #expect(try message(text).contains(part))
    }

    @Test func sizes_that_do_not_follow_each_other_are_refused_when_the_shapes_are_known() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/cifar-cnn.pt"))
        let text = "conv1,bn1,relu,conv2,relu,flatten,fc1,relu,fc2,relu,fc3"
        let network = try Chain.network(of: checkpoint, Architecture(text))
        let error = #expect(throws: Problem.self) { try network.shapes(for: .values([1, 3, 32, 32])) }
        #expect("\(try #require(error))" == "site 'fc1': the layer reads a different width, expected 256 numbers, found 12544")
    }

    @Test func sites_are_named_after_modules() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/mnist-mlp.pt"))
        let network = try Chain.network(of: checkpoint, Architecture("flatten,fc1,relu,dropout(0.5),fc2,relu,relu,fc3,fc4"))
        #expect(
            network.nodes.map(\.site) == [
                "input", "input.flatten", "fc1", "fc1.relu", "fc1.dropout", "fc2", "fc2.relu", "fc2.relu.2", "fc3", "fc4",
            ])
        #expect(network.input == .values(shape: [784]) && network.outputWidth == 10 && network.unusedTensors.isEmpty)
    }

    @Test func linear_layers_alone_are_assumed_to_have_relu_between_them() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("mlp.safetensors"))
        let (architecture, source) = try Chain.architecture(of: checkpoint, catalog: LayerCatalog(checkpoint), given: nil)
        #expect(source == .assumed && architecture.description == "fc1,relu,fc2,relu,fc3,relu,fc4")
        let cnn = try Checkpoint.open(Fixtures.path("models/cifar-cnn.pt"))
        #expect(throws: Problem.self) { try Chain.architecture(of: cnn, catalog: LayerCatalog(cnn), given: nil) }
    }

    /// What comes before the first layer with weights determines the shape of samples: pools read images of any size.
    @Test func chains_may_begin_with_a_pool_or_a_norm() throws {
        func network(_ text: String, _ tensors: [(name: String, shape: [Int], values: [Float])]) throws -> Network {
            let file = try SafetensorsFile.bytes(tensors)
            return try Chain.network(of: try Checkpoint.open(ByteRegion(copying: file), path: "m"), Architecture(text))
        }
        let fc = (name: "fc1.weight", shape: [2, 4], values: [1, 0, 0, 0, 0, 1, 1, 1] as [Float])
        let pooled = try network("maxpool(2),flatten,fc1", [fc])
        #expect(try pooled.sampleShape(for: [1, 4, 4]) == [1, 4, 4])
        #expect(try pooled.sampleShape(for: [4, 4]) == [1, 4, 4])
        #expect(try pooled.shapes(for: .values([3, 1, 4, 5])).last == [3, 2])
        #expect(try pooled.siteDescriptions().map(\.neurons) == [1, 1, 4, 2])
        #expect(throws: Problem.self) { try pooled.shapes(for: .values([3, 1, 2, 2])) }

        let norm = [("running_mean", 0), ("running_var", 1)].map {
            (name: "bn.\($0)", shape: [4], values: [Float](repeating: Float($1), count: 4))
        }
        #expect(try network("bn,fc1", norm + [fc]).sampleShape(for: [4]) == [4])
        let images = try network("bn,flatten,fc1", norm + [fc])
        #expect(try images.sampleShape(for: [4, 1, 1]) == [4, 1, 1])
        let conv = (name: "conv.weight", shape: [2, 4, 1, 1], values: [Float](repeating: 1, count: 8))
        #expect(try network("bn,avgpool(2),conv", norm + [conv]).sampleShape(for: [4, 6, 6]) == [4, 6, 6])
        #expect(try network("flatten,fc1", [fc]).sampleShape(for: [2, 2]) == [4])
    }
}
