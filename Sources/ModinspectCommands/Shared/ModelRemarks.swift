import Checkpoints
import Datasets
import Evaluation
import Modularity
import Networks
import Text

extension Diagnostics {
    /// Says what was assumed about a model and what was left aside.
    func describe(_ model: LoadedModel) {
        let (path, network) = (model.checkpoint.path, model.network)
        detail(
            "\(path): runs as \(model.runsAs), \(ByteText.counted(network.nodes.count, "operation"))")
        if model.source == .assumed, let architecture = model.architecture, architecture.elements.count > 1 {
            note("\(path): ReLU is assumed between its linear layers: --arch '\(architecture)'")
        }
        if let assumption = network.anatomy.assumption { note("\(path): \(assumption)") }
        if let answer = network.outputNames.first {
            let others = network.outputNames.dropFirst().map { "'\($0)'" }
            note("\(path): of the model's outputs, '\(answer)' is its answer; others: \(others.listed(atMost: 4))")
        }
        if let first = network.unusedTensors.first {
            let count = network.unusedTensors.count
            let others = count > 1 ? " and \(count - 1) \(count == 2 ? "other" : "others")" : ""
            warning("\(path): the network does not read '\(first)'\(others)")
        }
    }

    /// Says which tensors do not follow when neurons move or go, as nothing that runs reads them.
    func describeUnread(of model: LoadedModel) {
        let tensors = model.unreadTensors
        guard let first = tensors.first else { return }
        let others = tensors.count > 1 ? " and \(ByteText.counted(tensors.count - 1, "other"))" : ""
        note(
            "\(model.checkpoint.path): '\(first)'\(others), which the network does not read, \(others.isEmpty ? "stays" : "stay") as in the "
                + "checkpoint, also where the neurons are others")
    }

    /// Says where the answers to prompt pairs are read by a model that gives them at masked tokens.
    func describePairs(of model: LoadedModel) {
        guard case .maskedTokens = model.network.outputKind else { return }
        note(
            "\(model.checkpoint.path): predicts masked tokens, and the answers to pairs are read at the last position of each prompt all the same"
        )
    }

    /// Says what was decided for the user as the data was read.
    func describe(_ dataset: Dataset) {
        for text in dataset.notes { note("\(dataset.name): \(text)") }
    }

    /// Warns of an outcome that NaN scores have spoilt; class 0 is then the answer, as the first of equals.
    func describe(_ outcome: Outcome, path: String) {
        guard let loss = outcome.loss, loss.isNaN else { return }
        warning(
            "\(path): the loss is not a number: some scores are NaN or infinite, of which class 0 may be the answer; weights or data hold such numbers"
        )
    }

    /// Reports what a user should know about a model's clusters: the numbers that were chosen, and neurons in no cluster.
    ///
    /// - Parameter method: how they were found; nil for the usual method and for given clusters.
    func describe(_ sweep: ModelAnalysis.Sweep, method: ClusteringMethod? = nil, path: String) {
        if sweep.requested == .automatic {
            let counts = sweep.layers.map { "\($0.clustering.clusterCount) for '\($0.clustering.layer)'" }
            note("\(path): -k auto chose " + counts.listed())
        }
        let undefined = sweep.layers.filter { $0.measures.clusterability == nil }.map {
            (name: $0.clustering.layer, text: "all weights are 0; the score is undefined and left out of the mean")
        }
        if let line = Self.gathered(path, "tensor", undefined) { note(line) }
        guard sweep.requested != nil else { return }
        let isolated = sweep.layers.filter { $0.measures.clusterability != nil }.compactMap { layer -> (name: String, text: String)? in
            let (out, input) = (layer.clustering.outLabels.isolatedCount, layer.clustering.inLabels.isolatedCount)
            guard out + input > 0 else { return nil }
            let what = method == .gradient ? "gradient on the data" : "weights"
            return (layer.clustering.layer, "\(out) out-neurons and \(input) in-neurons have no \(what) and are in no cluster")
        }
        if let line = Self.gathered(path, "tensor", isolated) { note(line) }
    }
}
