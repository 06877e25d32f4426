import Checkpoints
import Plots
import Synchronization
import Text

extension GraphCommand {
    /// `--format svg`.
    func draw(_ opened: Checkpoint) throws {
        let (chosen, given) = try chosenLayers(opened)
        let pictures = try PictureOutput(output, fileUse)
        let undefined = UndefinedWeights()
        let drawn = chosen.map { layer in
            let clustering = given?.clusterings[layer.name]
            return DrawnLayer(
                name: layer.name, outClusters: clustering?.outLabels.values ?? Array(repeating: -1, count: layer.outNeurons),
                inClusters: clustering?.inLabels.values ?? Array(repeating: -1, count: layer.inNeurons),
                forEachRow: rows(of: layer, undefined))
        }
        let (top, isLimited) = (top, threshold != nil)
        let neurons = NeuronPictures(
            model: DrawnModel(path: opened.path, layers: drawn), source: clusterFile.map { "clusters \($0)" } ?? "", isChain: isChained,
            mostDrawn: { count in
                top.map { EdgeRule.edgeCount(share: $0, of: count) } ?? (isLimited ? count : NeuronPictures.few(count))
            })
        if isChained, neurons.isOneNetwork {
            describeContradictions(of: try GraphLayer.layers(chosen, clusters: given, isChained: true), given)
        } else if let obstacle = neurons.obstacle {
            output.diagnostics.warning("\(opened.path): the layers are drawn one by one, \(obstacle)")
        }
        try pictures.write([], after: neurons)
        let remarks = chosen.map { (name: $0.name, count: undefined[$0.name]) }.filter { $0.count > 0 }
            .map { (name: $0.name, text: "\($0.count) NaN among its weights, which make no edges") }
        if let line = Diagnostics.gathered(opened.path, "tensor", remarks) { output.diagnostics.warning(line) }
    }

    /// The rows of a layer as the options want its weights: magnitudes, and 0 for what lies below the threshold.
    private func rows(of layer: Layer, _ undefined: UndefinedWeights) -> DrawnLayer.Rows {
        let (all, isAbsolute, least) = (DrawnLayer.rows(of: layer), absolute, threshold ?? 0)
        return { body in
            var kept = [Float](repeating: 0, count: layer.inNeurons)
            try all { number, weights in
                for (column, weight) in weights.enumerated() {
                    if weight.isNaN { undefined.add(layer.name) }
                    // This is false for NaN.
                    kept[column] = Double(abs(weight)) >= least ? (isAbsolute ? abs(weight) : weight) : 0
                }
                try kept.withUnsafeBufferPointer { try body(number, $0) }
            }
        }
    }
}

/// How many weights of the layers that were read are not a number.
private final class UndefinedWeights: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ layer: String) { counts.withLock { $0[layer, default: 0] += 1 } }

    subscript(layer: String) -> Int { counts.withLock { $0[layer] ?? 0 } }
}
