import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// Chains of Flax that begin with a table, in every form in which they are saved; `make_containers.py` computed the matrices of the inner layers.
@Suite struct FlaxChainTests {
    private static let forms = ["msgpack", "dots safetensors", "slashes safetensors", "dots npz", "slashes npz"]

    @Test(arguments: ["words", "plain", "square", "named"], forms) func theTableIsTheFirstLayer(name: String, form: String) throws {
        let folder = Fixtures.path("containers/flax-chains/")
        let file = name + (form == "msgpack" ? "." : "-") + form.replacingOccurrences(of: " ", with: ".")
        let expected = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: folder + "expected.json")))
                as? [String: [String: [[Double]]]])
        let inner = try #require(expected[name])
        let catalog = LayerCatalog(try Checkpoint.open(folder + file))
        #expect(catalog.family == .chain)
        let layers = try catalog.select([])
        let modules = layers.map { layer in
            let parts = layer.name.split { $0 == "." || $0 == "/" }
            return String(parts[parts.count - 2])
        }
        #expect(Set(modules) == Set(inner.keys) && layers.count == 2, "\(layers.map(\.name))")
        for (layer, module) in zip(layers, modules) {
            let expected = try #require(inner[module])
            #expect(layer.outNeurons == expected.count && layer.inNeurons == expected[0].count, "\(layer.name)")
            #expect(rows(try layer.weights()).joined().map(Float.init) == expected.joined().map(Float.init), "\(layer.name)")
        }
    }
}
