import Networks
import Text

/// What training does with a model's tensors that its file leaves to be found out.
struct FinetuneNotes {
    private let model: LoadedModel

    init(_ model: LoadedModel) { self.model = model }

    /// A line for each kind of tensors, without the name of the checkpoint.
    var notes: [String] {
        let network = model.network
        let constants = Set(network.constants)
        // Running statistics are measured, whatever the file calls them.
        let measured = Set(network.statistics.flatMap { [$0.mean, $0.variance] }.map { network.parameters[$0.index].tensorName })
        let computed = network.computedTensors.filter { !constants.contains($0.tensor) }
        return [
            note("constants of the model are not trained: ", network.constants + network.fixedNumbers),
            note(
                "vectors that the file has stored once with equal ones are trained each for itself: ",
                model.checkpoint.module?.dividedVectors ?? []),
            note(
                "tensors that several layers read are trained as one, though the file may have stored equal ones once: ",
                model.checkpoint.module?.sharedTensors ?? []),
            note(
                "what the exporter computed of parameters is trained in that form, not through them: ",
                computed.map { $0.tensor + "' of '" + $0.parameters.joined(separator: "', '") }),
            note(
                "the file does not say whether these are parameters or buffers, and they are trained: ",
                network.unsaidTensors.filter { !constants.contains($0) && !measured.contains($0) }),
            note(
                "batch norms compute their mean and variance, and use them instead of those of each batch: ", network.keptStatistics),
            note(
                "batch norms of momentum 0, which is also what exports have for momentum=None, keep their running statistics: ",
                network.statistics.filter { $0.norm.momentum == 0 }.map { network.parameters[$0.mean.index].tensorName }
                    .reduce(into: []) { names, name in if !names.contains(name) { names.append(name) } }),
        ].compactMap(\.self)
    }

    private func note(_ text: String, _ names: [String]) -> String? {
        names.isEmpty ? nil : text + names.map { "'\($0)'" }.listed(atMost: 3)
    }
}
