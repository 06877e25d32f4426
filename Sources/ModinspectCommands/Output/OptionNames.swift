import Text

/// The names of the options, which only the commands know: the option of each setting, and the wording of hints.
enum OptionNames {
    static func name(of setting: Setting) -> String {
        switch setting {
        case .architecture: "--arch"
        case .base: "--base"
        case .batchSize: "--batch"
        case .context: "--context"
        case .epochs: "--epochs"
        case .faithfulness: "--target-faithfulness"
        case .frozenParameters: "--freeze"
        case .labels: "--labels"
        case .layers, .blockCount: "--layers"
        case .normalization: "--normalize"
        case .sites: "--sites"
        case .task: "--task"
        case .trainedParameters: "--only"
        case .headCount: "--heads"
        case .neuronCount: "--d-mlp"
        case .width: "--d-model"
        }
    }

    static func words(for hint: Hint) -> String {
        switch hint {
        case .words, .nearest: hint.description
        case .pickMember: "--member PATH picks one"
        case .pickKey: "--key KEY picks one"
        case .pickBaseMember: "--base-member PATH picks one"
        case .pickBaseKey: "--base-key KEY picks one"
        case .replaceExisting: "--force replaces it"
        case .restart: "--restart begins anew"
        case .describeNetwork(let words, let hasGraph): "--arch" + Hint.describing(words, hasGraph)
        case .giveSampleShape: "the file leaves the size of its samples open: " + Hint.sampleShape("--arch 'input(7x4)'")
        case .giveConfiguration: "--config KEY=VALUE,... gives settings"
        case .giveBase(let name): "--base CHECKPOINT gives its base model\(name.map { ", " + $0.quotedInMessage } ?? "")"
        case .leaveOutLayer(let name): "--layers '!\(name)' leaves it out"
        case .setContext(let length, let cut): "--context \(length.map(String.init) ?? "T") cuts \(cut)"
        case .giveLabels: "labels are given with --labels"
        case .giveNormalization: "--normalize MEAN,STD gives means and deviations"
        case .giveAnswers: "--labels FILE gives them"
        case .giveTask(let task, let meaning): "--task \(task) \(meaning)"
        case .giveHeldOutData: "--eval DATA gives others"
        case .drawPairsByClass: "--pairs by-class draws pairs from samples with a class each"
        case .useMetrics(let names): "--metric \(Hint.list(names)) \(names.count == 1 ? "needs" : "need") none"
        case .useSmallerBatch: "--batch with a smaller number"
        case .useFewerPairs: "--limit uses fewer pairs"
        case .giveEdgeCount: "--edges N selects a number of edges"
        case .useCoarserParts: "--granularity cluster, or component for transformers, has fewer"
        case .usePartsOfChain: "--granularity neuron, or cluster with --clusters, divides its layers"
        }
    }

    /// The parsed value of an option. A problem does not name the option, because the parser does.
    static func parsing<Value>(_ text: String, _ parse: (String) throws -> Value) throws -> Value {
        do {
            return try parse(text)
        } catch var problem as Problem {
            problem.setting = nil
            throw problem
        }
    }

    /// An error in one line, with the options for its settings and hints.
    static func line(of error: any Error) -> String {
        guard let problem = error as? Problem else { return "\(error)" }
        return problem.line(naming: name, hint: words)
    }
}
