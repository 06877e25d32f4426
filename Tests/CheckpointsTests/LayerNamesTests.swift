import Archives
import TestSupport
import Testing

@testable import Checkpoints

/// The default selection and the orientation of models of many kinds, as their own modules multiply their matrices: layer-names.txt, which
/// fixtures/make_layer_names.py explains.
@Suite struct LayerNamesTests {
    /// A model of the fixture.
    struct Model: Sendable, CustomTestStringConvertible {
        var name = ""
        var modelType: String?
        var tensors: [(name: String, shape: [Int])] = []
        /// The layers that are selected by default.
        var inputs: Set<String> = []
        /// Whether a matrix is stored [in, out].
        var isTransposed: [String: Bool] = [:]

        var testDescription: String { name }

        func catalog(configured: Bool) throws -> LayerCatalog {
            let storage = ByteRegion(copying: [0, 0, 0, 0])
            let records = try tensors.map {
                try TensorRecord(
                    name: $0.name, dtype: .f32, shape: $0.shape, strides: $0.shape.map { _ in 0 }, offset: 0, storage: storage)
            }
            let configuration = configured ? modelType.map { ByteRegion(copying: Array("{\"model_type\": \"\($0)\"}".utf8)) } : nil
            return LayerCatalog(tensors: records, keepsOrder: false, configuration: configuration)
        }
    }

    static let models: [Model] = {
        var models: [Model] = []
        var parts: [Substring] = []
        guard let content = try? ByteRegion.mapping(path: Fixtures.path("layer-names.txt")) else { return [] }
        let text = content.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                let words = line.dropFirst(2).split(separator: " ")
                models.append(Model(name: String(words[0]), modelType: words.count > 1 ? String(words[1]) : nil))
                parts = []
                continue
            }
            let depth = line.prefix { $0 == " " }.count
            let words = line.dropFirst(depth).split(separator: " ")
            parts = parts.prefix(depth) + [words[0]]
            guard words.count > 1 else { continue }
            models[models.count - 1].add(parts.joined(separator: "."), words[1])
        }
        return models
    }()

    @Test func theFixtureIsThere() { #expect(Self.models.count > 90) }

    @Test(arguments: models) func theDefaultIsTheMLPInputs(model: Model) throws {
        for configured in [true, false] {
            let catalog = try model.catalog(configured: configured)
            #expect(Set(try catalog.select([]).map(\.name)) == model.inputs)
        }
    }

    @Test(arguments: models) func matricesLieAsTheyAreMultiplied(model: Model) throws {
        let catalog = try model.catalog(configured: true)
        for (name, shape) in model.tensors {
            guard let isTransposed = model.isTransposed[name] else { continue }
            for layer in catalog.layers where layer.tensorName == name {
                if case .convolution = layer.layout { continue }
                let isTurned = if case .transposed = layer.layout { true } else { false }
                #expect(isTurned == isTransposed, "\(name) \(shape)")
            }
        }
    }
}

extension LayerNamesTests.Model {
    /// `768x3072t*/1`: a shape, whether it is stored [in, out], and which part of it is an MLP input.
    fileprivate mutating func add(_ name: String, _ description: Substring) {
        let dimensions = description.prefix { $0.isNumber || $0 == "x" }
        let shape = dimensions.split(separator: "x").compactMap { Int($0) }
        tensors.append((name, shape))
        let marks = description.dropFirst(dimensions.count)
        if marks.hasPrefix("=") || marks.hasPrefix("t") { isTransposed[name] = marks.hasPrefix("t") }
        guard marks.contains("*") else { return }
        let part = marks.contains("/") ? "[up]" : ""
        if shape.count == 3, name.contains("experts") {
            for expert in 0..<shape[0] { inputs.insert("\(name)[\(expert)]\(part)") }
        } else {
            inputs.insert(name + part)
        }
    }
}
