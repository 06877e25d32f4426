import Archives
import Text

/// The changes that a checkpoint makes to another one, its base model, as PEFT stores them.
package struct Adapter: Sendable {
    /// nil if there is no configuration next to the file.
    package let configuration: AdapterConfiguration?
    /// Why the changes cannot be determined; nil if they can.
    package let problem: Problem?
    let changes: [AdapterChange]
    /// Parameters of the base model that the adapter stores in full, under the base's names.
    let whole: [TensorRecord]

    /// PEFT's name for the method, or the method that the tensors' names show.
    package var type: String { configuration?.type ?? "LORA" }
    /// The distinct ranks of the changes in ascending order.
    package var ranks: [Int] { Set(changes.map(\.rank)).sorted() }
    /// The distinct factors of the changes in ascending order.
    package var scales: [Float] { Set(changes.map(\.scale)).sorted() }
    /// The number of weights that are changed.
    package var changeCount: Int { changes.count }
    /// The names of the parameters of the base model that the adapter stores in full.
    package var wholeNames: [String] { whole.map(\.name) }

    /// The names under which PEFT saves adapters; the first that exists is used.
    static let weightNames = ["adapter_model.safetensors", "adapter_model.bin"]

    /// The adapter that the tensors form; nil if they are a model.
    ///
    /// - Parameters:
    ///   - unreadable: those that cannot be read.
    ///   - configuration: the bytes of `adapter_config.json`.
    ///   - fileName: what the file of the tensors is called.
    ///   - path: the file, for messages.
    init?(
        _ tensors: [TensorRecord], unreadable: [UnreadableTensor] = [], configuration: ByteRegion?, fileName: String, path: String
    ) throws {
        let isNamed = Self.weightNames.contains(fileName)
        let hasChanges = tensors.contains { AdapterTensorName.isAdapters($0.name) }
        guard
            hasChanges || isNamed && configuration != nil
                || configuration != nil && tensors.contains(where: { $0.name.hasPrefix("base_model.") })
        else { return nil }
        guard let configuration else {
            self.configuration = nil
            (changes, whole) = ([], [])
            problem = Problem(
                "an adapter without its settings", path: path,
                expected: "\(AdapterConfiguration.fileName) in the same directory, as PEFT writes it",
                found: "'\(tensors.first { AdapterTensorName.isAdapters($0.name) }?.name ?? "")'")
            return
        }
        let settings = try AdapterConfiguration(configuration, path: path)
        self.configuration = settings
        if let obstacle = settings.obstacle ?? unreadable.first?.problem {
            problem = obstacle.at(path: path)
            (changes, whole) = ([], [])
            return
        }
        do throws(Problem) {
            var parts = AdapterParts(tensors)
            changes = try parts.changes(settings)
            whole = parts.whole
        } catch {
            throw error.at(path: path)
        }
        problem = nil
    }

    /// Why the changes cannot be determined without the base model's weights, or at all; nil if they can.
    var refusal: Problem? {
        if let problem { return problem }
        guard let change = changes.first(where: { $0.magnitudes != nil }) else { return nil }
        return Problem(
            "the change of a DoRA adapter depends on its base model's weights", subject: "tensor '\(change.name)'",
            hint: .giveBase(configuration?.baseModel))
    }

    /// The changes alone, under the base's names; empty if they cannot be determined.
    func tensors() throws(Problem) -> [TensorRecord] {
        guard refusal == nil else { return [] }
        var records: [TensorRecord] = []
        for change in changes { records.append(try change.record()) }
        return records
    }
}

/// The tensors of an adapter, put together by the modules that they belong to.
private struct AdapterParts {
    private struct Place: Hashable {
        let module: String
        let nesting: Int
    }

    private var places: [Place] = []
    private var parts: [Place: [AdapterTensorName.Role: TensorRecord]] = [:]
    private(set) var whole: [TensorRecord] = []
    private var problem: Problem?

    init(_ tensors: [TensorRecord]) {
        for tensor in tensors {
            let name = AdapterTensorName(tensor.name)
            guard tensor.dtype.isFloatingPoint else {
                problem = problem ?? Problem("is not a tensor of numbers", subject: "tensor '\(tensor.name)'", found: tensor.dtype.rawValue)
                continue
            }
            if name.role == .whole {
                whole.append(tensor.renamed(name.module))
                continue
            }
            let place = Place(module: name.module, nesting: name.nesting)
            if parts[place] == nil { places.append(place) }
            if parts[place, default: [:]].updateValue(tensor, forKey: name.role) != nil {
                problem = problem ?? Problem("appears twice", subject: "tensor '\(tensor.name)'")
            }
        }
        var names = Set<String>()
        if let twice = whole.first(where: { !names.insert($0.name).inserted }) {
            problem = problem ?? Problem("appears twice", subject: "tensor '\(twice.name)'")
        }
    }

    mutating func changes(_ settings: AdapterConfiguration) throws(Problem) -> [AdapterChange] {
        if let problem { throw problem }
        var changes: [AdapterChange] = []
        for place in places {
            do throws(Problem) {
                changes.append(try change(place, settings))
            } catch {
                throw error.about("module '\(place.module)'")
            }
        }
        var names = Set<String>()
        if let twice = changes.first(where: { !names.insert($0.name).inserted }) {
            throw Problem("is changed twice", subject: "tensor '\(twice.name)'")
        }
        return changes
    }

    private func change(_ place: Place, _ settings: AdapterConfiguration) throws(Problem) -> AdapterChange {
        let parts = parts[place] ?? [:]
        let isEmbedding = parts[.embeddingA] != nil || parts[.embeddingB] != nil
        guard let a = parts[isEmbedding ? .embeddingA : .a], let b = parts[isEmbedding ? .embeddingB : .b] else {
            throw Problem(
                "one of the two factors of its change is missing", expected: "A and B",
                found: (parts[.a] ?? parts[.b] ?? parts.values.first)?.name)
        }
        let parameter = try parameter(of: place, settings)
        // The name that patterns of ranks and scales are matched with.
        let key = place.module + (parameter.map { "." + $0 } ?? "")
        let rank = try settings.rank(of: key)
        let words = "[\(rank), in] and [out, \(rank)] as \(AdapterConfiguration.fileName) says"
        let found = "\(shapeWords(a.shape)) and \(shapeWords(b.shape))"
        guard a.shape.count >= 2, b.shape.count == a.shape.count, a.elementCount > 0, b.elementCount > 0,
            b.shape[2...].allSatisfy({ $0 == 1 }), a.shape[0] == b.shape[1]
        else { throw Problem("the two parts of its change do not fit", expected: words, found: found) }
        var target = isEmbedding ? AdapterChange.Target.embedding : .layer
        var name = place.module + ".weight"
        if parameter != nil {
            name = key
            guard a.shape.count == 2, a.shape[0] % rank == 0 else {
                throw Problem("the rank of its change differs", expected: "a multiple of \(rank)", found: "\(a.shape[0])")
            }
            target = a.shape[0] == rank ? .layer : .experts(a.shape[0] / rank)
        } else {
            guard a.shape[0] == rank else { throw Problem("the rank of its change differs", expected: words, found: found) }
        }
        let outputs = b.shape[0]
        if let magnitudes = parts[.magnitude] {
            guard magnitudes.elementCount == outputs else {
                throw Problem("the lengths of its weights do not fit", expected: "\(outputs)", found: shapeWords(magnitudes.shape))
            }
        } else if settings.isDirectional {
            throw Problem("the lengths of its weights are missing", expected: "a lora_magnitude_vector, as 'use_dora' requires")
        }
        if let bias = parts[.bias], bias.elementCount != outputs {
            throw Problem("its bias does not fit", expected: "\(outputs)", found: shapeWords(bias.shape))
        }
        return AdapterChange(
            name: name, module: place.module, target: target, a: a, b: b, magnitudes: parts[.magnitude], bias: parts[.bias], rank: rank,
            scale: try settings.scale(of: key, rank: rank))
    }

    /// The parameter that is changed in place of a layer's weight; nil for a layer.
    ///
    /// Of several parameters of one module the innermost is the one that the module defines first.
    private func parameter(of place: Place, _ settings: AdapterConfiguration) throws(Problem) -> String? {
        let named = settings.targetParameters.compactMap { path -> String? in
            guard let point = path.lastIndex(of: ".") else { return nil }
            let module = path[..<point]
            return place.module == module || place.module.hasSuffix("." + module) ? String(path[path.index(after: point)...]) : nil
        }
        guard !named.isEmpty else { return nil }
        let names = Set(named).sorted { Self.rank(of: $0) < Self.rank(of: $1) }
        guard names.count == 1 || names.allSatisfy({ Self.rank(of: $0) < Self.definitionOrder.count }) else {
            throw Problem(
                "several parameters of one module are changed, in an order that is not known",
                expected: Self.definitionOrder.joined(separator: " and "), found: names.joined(separator: ", "))
        }
        let count = places.count { $0.module == place.module }
        guard count == names.count, place.nesting < names.count else {
            throw Problem("some changes of its parameters are missing", expected: "\(names.count)", found: "\(count)")
        }
        return names[names.count - 1 - place.nesting]
    }

    /// The parameters of transformers' experts, in the order in which the modules define them.
    private static let definitionOrder = ["gate_up_proj", "gate_up_proj_bias", "down_proj", "down_proj_bias"]

    private static func rank(of name: String) -> Int { definitionOrder.firstIndex(of: name) ?? definitionOrder.count }
}

/// A shape for messages.
func shapeWords(_ shape: [Int]) -> String { "[" + shape.map(String.init).joined(separator: ", ") + "]" }
