import Archives
import Testing

@testable import Checkpoints

struct WeightFormatTests {
    /// A file of each format.
    private func example(_ format: WeightFormat) -> String {
        switch format {
        case .safetensors: "mlp.safetensors"
        case .zip: "mlp.pt"
        case .pickle: "mlp-legacy.pt"
        case .npy: "formats/c-order.npy"
        case .gguf: "gguf/types.gguf"
        case .onnx: "containers/onnx/uses.onnx"
        case .flax: "containers/flax.msgpack"
        }
    }

    @Test(arguments: WeightFormat.allCases) func everyFormatIsToldByItsFirstBytesAndRead(format: WeightFormat) throws {
        let path = FormatFixtures.path("../" + example(format))
        let region = try ByteRegion.mapping(path: path)
        let head = try #require(region.bytes(0..<min(region.count, ContainerFile.headLength)))
        #expect(WeightFormat(head: head) == format)
        #expect(try !Checkpoint.open(path).tensors.isEmpty)
        #expect(!format.names.isEmpty && format.endings.allSatisfy { $0.hasPrefix(".") && $0 == $0.lowercased() })
        #expect(WeightFormat(head: Array("no weights".utf8)) == nil)
    }

    @Test func messagesNameEveryFormatOnce() {
        #expect(WeightFormat.known == "safetensors, PyTorch, npz, npy, GGUF, ONNX, Flax msgpack, tar or zip")
    }
}
