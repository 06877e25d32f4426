import Evaluation
import Networks
import Text

/// What is said before a model is trained of tensors that training does not change as it would change the model that was saved.
struct ParameterNotes {
    let texts: [String]

    init(_ model: LoadedModel) {
        var texts: [String] = []
        func add(_ what: String, _ names: [String]) {
            if !names.isEmpty { texts.append("\(what): \(names.listed(atMost: 3))") }
        }
        func quoted(_ names: [String]) -> [String] { names.map { "'\($0)'" } }
        let module = model.checkpoint.module
        add("constants of the model are not trained", quoted(model.network.constants + model.network.fixedNumbers))
        add("tensors whose numbers the graph reads as settings are not trained", quoted(model.network.untrained))
        add("vectors that the file has stored once with equal ones are trained each for itself", quoted(module?.dividedVectors ?? []))
        add(
            "vectors that the file has stored once, and that may be one in the model, are trained each for itself",
            quoted(module?.guessedVectors ?? []))
        add(
            "tensors that the file has stored once with others of equal numbers are one with them",
            quoted(module?.mergedMatrices ?? []))
        add(
            "matrices are taken for one weight because their numbers are equal",
            (module?.equalMatrices ?? []).map { "'\($0.source)' and '\($0.copy)'" })
        add(
            "matrices are trained apart, though they may be one weight",
            (module?.undecidedMatrices ?? []).map { "'\($0.source)' and '\($0.copy)'" })
        add(
            "what the export has computed of parameters is trained in their place",
            (module?.computedTensors ?? []).map { "'\($0.value)' of \(quoted($0.parameters).listed(atMost: 3))" })
        add(
            "tensors that several layers read are trained as one, though the file may have stored equal ones once",
            quoted(module?.sharedTensors ?? []))
        let network = model.network
        // Running statistics are measured, whatever the file calls them.
        let measured = Set(network.statistics.flatMap { [$0.mean, $0.variance] }.map { network.parameters[$0.index].tensorName })
        let said = measured.union(network.constants)
        add(
            "the file does not say whether these are parameters or buffers, and they are trained",
            quoted(network.unsaidTensors.filter { !said.contains($0) }))
        add(
            "batch norms compute their mean and variance, and use them instead of those of each batch", quoted(network.keptStatistics))
        var unmoved: [String] = []
        for statistics in network.statistics where statistics.norm.momentum == 0 {
            let name = network.parameters[statistics.mean.index].tensorName
            if !unmoved.contains(name) { unmoved.append(name) }
        }
        add("batch norms of momentum 0, which is also what exports have for momentum=None, keep their running statistics", quoted(unmoved))
        self.texts = texts
    }
}
