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
        let constants = Set(model.network.constants)
        add(
            "the file does not say whether these are parameters or buffers, and they are trained",
            quoted(model.network.unsaidTensors.filter { !constants.contains($0) }))
        self.texts = texts
    }
}
