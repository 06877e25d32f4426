import Archives
import Checkpoints
import FoundationEssentials
import Modularity
import Tensors
import Text

/// Everything that a run needs to resume: weights, the optimiser's memory, statistics, the step, the clusters.
///
/// The samples of a step follow from the seed and the step. It is kept as a safetensors file of float32 tensors, with the rest as JSON in
/// the bytes of a tensor.
package struct TrainingState {
    /// Values that are not tensors.
    struct Record: Encodable, Equatable {
        struct Clusters: Encodable, Equatable {
            var layer: String
            var count: Int
            var out: [Int]
            var `in`: [Int]
        }

        var version = 1
        var step: Int
        var options: [String: String]
        /// The parameters that the state of the optimiser belongs to.
        var parameters: [String]
        var lambda: Double?
        var bestStep: Int?
        var bestLoss: Double?
        var clusters: [Clusters]
        /// Data that the caller stores with the run.
        var notes: [String: String]
    }

    let record: Record
    let tensors: [(name: String, tensor: Tensor)]

    private static let recordName = "modinspect.training"

    /// The steps that were made.
    package var step: Int { record.step }
    /// The options of the run, by name.
    package var options: [String: String] { record.options }
    /// Data that the caller stores with the run.
    package var notes: [String: String] { record.notes }

    /// The names of the options that differ, with the run's own values and the others; nil if an option was not given.
    package func differences(from other: [String: String]) -> [(name: String, kept: String?, given: String?)] {
        Set(options.keys).union(other.keys).sorted().filter { options[$0] != other[$0] }.map { ($0, options[$0], other[$0]) }
    }

    init(record: Record, tensors: [(name: String, tensor: Tensor)]) {
        self.record = record
        self.tensors = tensors
    }

    /// Hands the bytes of the file to `body`, piece by piece.
    package func write(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let json = try encoder.encode(record)
        struct Entry: Encodable {
            var dtype: String
            var shape: [Int]
            var data_offsets: [Int]
        }
        var entries: [String: Entry] = [:]
        var offset = 0
        for (name, tensor) in tensors {
            let end = offset + tensor.count * MemoryLayout<Float>.size
            entries[name] = Entry(dtype: "F32", shape: tensor.shape, data_offsets: [offset, end])
            offset = end
        }
        entries[Self.recordName] = Entry(dtype: "U8", shape: [json.count], data_offsets: [offset, offset + json.count])
        var header = try encoder.encode(entries)
        header.append(Data(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
        try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try body($0) }
        try header.withUnsafeBytes { try body($0) }
        for (_, tensor) in tensors { try tensor.withElements { try body(UnsafeRawBufferPointer($0)) } }
        try json.withUnsafeBytes { try body($0) }
    }

    /// Reads a file that ``write(_:)`` made.
    ///
    /// - Throws: ``Problem`` for a file that is another one.
    package init(_ checkpoint: Checkpoint) throws {
        guard let stored = checkpoint[Self.recordName], stored.dtype == .u8, stored.bytes.count <= 1 << 28 else {
            throw Problem("is not the state of a training run")
        }
        guard let record = try? stored.bytes.withUnsafeBytes({ try JSONCursor.reading($0, Record.read) }) else {
            throw Problem("is a damaged state of a training run")
        }
        guard record.version == 1 else {
            throw Problem("was saved by another version", expected: "1", found: "\(record.version)")
        }
        guard record.step >= 0, record.clusters.allSatisfy({ ($0.out + $0.in).allSatisfy { (-1..<1 << 20).contains($0) } }) else {
            throw Problem("is a damaged state of a training run")
        }
        self.record = record
        tensors = checkpoint.tensors.filter { $0.name != Self.recordName && $0.dtype == .f32 }.map {
            ($0.name, $0.sharedFloats(shape: $0.shape))
        }
    }
}

extension Trainer {
    private var stateTensors: [(name: String, tensor: MutableTensor)] {
        [("weights", weights)] + moments.enumerated().map { ("moments.\($0.offset)", $0.element) }
            + measured.enumerated().map { ("statistics.\($0.offset)", $0.element) }
    }

    /// The names and shapes of the best weights, whether there are any or not.
    private var bestNames: [(name: String, shape: [Int])] {
        ([weights] + measured).enumerated().map { ("best.\($0.offset)", $0.element.shape) }
    }

    private var parameterNames: [String] { trained.parameters.map { network.parameters[$0.index].name } }

    /// The current state of the run. Its tensors are the run's own and change with the next step.
    ///
    /// - Parameter options: the settings of the run, by name, which are compared when the run is resumed.
    package func state(options: [String: String], notes: [String: String] = [:]) -> TrainingState {
        let clusters = (term?.clusterings ?? []).map {
            TrainingState.Record.Clusters(layer: $0.layer, count: $0.clusterCount, out: $0.outLabels.values, in: $0.inLabels.values)
        }
        return TrainingState(
            record: .init(
                step: step, options: options, parameters: parameterNames, lambda: term?.lambda, bestStep: best?.step, bestLoss: best?.loss,
                clusters: clusters, notes: notes),
            tensors: stateTensors.map { ($0.name, $0.tensor) } + zip(bestNames, best?.tensors ?? []).map { ($0.name, $1) })
    }

    /// Goes on from a state.
    ///
    /// - Parameter layer: the layer of a name, which the state's clusters are for.
    /// - Throws: ``Problem`` for a state of another model or optimiser; the run is then as it was.
    package func restore(_ state: TrainingState, layer: (String) -> Layer?) throws {
        guard state.record.parameters == parameterNames else {
            throw Problem(
                "the state is of a run that trains other parameters", expected: parameterNames.first, found: state.record.parameters.first)
        }
        let stored = Dictionary(state.tensors.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        let bestTensors = state.record.bestStep == nil ? [] : bestNames
        for (name, shape) in stateTensors.map({ ($0.name, $0.tensor.shape) }) + bestTensors {
            guard let found = stored[name] else {
                throw Problem("the state is of another optimiser or a damaged one", expected: "a tensor '\(name)'")
            }
            guard found.shape == shape else {
                throw Problem(
                    "the state is of another model", subject: "tensor '\(name)'", expected: "\(shape.reduce(1, *)) numbers",
                    found: "\(found.count)")
            }
        }
        var restored: ClusterabilityTerm?
        if let lambda = state.record.lambda {
            let layers = try state.record.clusters.map { clusters -> (layer: Layer, clustering: LayerClustering) in
                guard let found = layer(clusters.layer) else {
                    throw Problem("the state has clusters of a layer that the model does not have", found: "'\(clusters.layer)'")
                }
                return (
                    found,
                    LayerClustering(
                        layer: clusters.layer, clusterCount: clusters.count, outLabels: Labels(clusters.out), inLabels: Labels(clusters.in))
                )
            }
            restored = try ClusterabilityTerm(lambda: lambda, layers: layers, network: network)
        }
        for (name, tensor) in stateTensors {
            if let found = stored[name] { tensor.copy(from: found) }
        }
        best = state.record.bestStep.map { step in
            BestWeights(step: step, loss: state.record.bestLoss ?? .infinity, tensors: bestNames.compactMap { stored[$0.name]?.copied() })
        }
        term = restored
        step = state.record.step
    }
}
