/// What a user can do about a problem. Libraries know no options: a hint that needs one is a separate case, which the command line
/// puts into words.
package enum Hint: Sendable, Equatable {
    /// Advice that names no option.
    case words(String)
    /// The names that were perhaps meant.
    case nearest([String])

    // Files and their contents.
    /// One of several models can be picked by its member of the archive or directory.
    case pickMember
    /// One of several models can be picked by its key in the file.
    case pickKey
    /// The shape of a sample can be given, which the file leaves open.
    case giveSampleShape
    /// The base model of an adapter is one of several in an archive.
    case pickBaseMember
    /// The base model of an adapter is one of several in a file.
    case pickBaseKey
    /// What exists can be replaced.
    case replaceExisting
    /// What was done can be done again from the beginning.
    case restart
    /// An architecture can be given: such words, if some are known that run; whether the file has a graph of its own.
    case describeNetwork(String? = nil, hasGraph: Bool = false)
    /// The model that an adapter changes can be given; its name if the adapter gives it.
    case giveBase(String?)
    /// The settings of a model can be given.
    case giveConfiguration
    /// A layer can be left out.
    case leaveOutLayer(String)

    // Data.
    /// A context length cuts tokens: nil if any length will do. `cut` says what is cut, and into what.
    case setContext(Int?, cut: String)
    /// Labels can be given in a separate file.
    case giveLabels
    /// What images are normalised with can be given.
    case giveNormalization
    /// Answers, if the data has none, can be given in a separate file.
    case giveAnswers
    /// A task says what is meant where the data does not.
    case giveTask(String, means: String)
    /// Other data can be given to judge a result on.
    case giveHeldOutData
    /// Pairs can be drawn from samples with classes.
    case drawPairsByClass
    /// These metrics do not need what is missing.
    case useMetrics([String])

    // Limits.
    case useSmallerBatch
    case useFewerPairs
    /// A number of edges can be requested.
    case giveEdgeCount
    /// The graph can be cut into fewer parts.
    case useCoarserParts
    /// The parts that a plain chain can be divided into.
    case usePartsOfChain
}

extension Hint: CustomStringConvertible {
    /// The hint for a caller without a command line.
    package var description: String {
        switch self {
        case .words(let text): text
        case .nearest(let names): "the nearest are " + names.map { "'\($0)'" }.joined(separator: ", ")
        case .pickMember: "a member picks one"
        case .pickKey: "a key picks one"
        case .pickBaseMember: "a member of the base model picks one"
        case .pickBaseKey: "a key of the base model picks one"
        case .replaceExisting: "it can be replaced"
        case .restart: "a new run can replace it"
        case .describeNetwork(let words, let hasGraph): "an architecture" + Self.describing(words, hasGraph)
        case .giveSampleShape: "the file leaves the size of its samples open: " + Self.sampleShape("an architecture of input(7x4)")
        case .giveConfiguration: "the settings can be given"
        case .giveBase(let name): "its base model\(name.map { " " + $0.quotedInMessage } ?? "") can be given"
        case .leaveOutLayer(let name): "'\(name)' can be left out"
        case .setContext(let length, let cut): "a context length\(length.map { " of \($0)" } ?? "") cuts \(cut)"
        case .giveLabels: "labels are given in a separate file"
        case .giveNormalization: "means and deviations can be given"
        case .giveAnswers: "a file of labels gives them"
        case .giveTask(let task, let meaning): "the task '\(task)' \(meaning)"
        case .giveHeldOutData: "other data can be given"
        case .drawPairsByClass: "pairs can be drawn from samples with a class each"
        case .useMetrics(let names): "\(Self.list(names)) \(names.count == 1 ? "needs" : "need") none"
        case .useSmallerBatch: "a smaller batch needs less"
        case .useFewerPairs: "fewer pairs need less"
        case .giveEdgeCount: "a number of edges can be selected"
        case .useCoarserParts: "clusters, or components of transformers, are fewer"
        case .usePartsOfChain: "its layers can be divided into neurons or clusters"
        }
    }

    /// What an architecture does, after its name: such words if some are known; else a file that has the operations is another way.
    package static func describing(_ words: String?, _ hasGraph: Bool) -> String {
        if let words { return " '\(words)' would describe its modules and the operations between them" }
        let own = " describes its modules and the operations between them in words"
        return hasGraph ? own : own + "; a file of torch.export or an ONNX file of the model has them"
    }

    /// What gives the shape of a sample, which `words` do as an example.
    package static func sampleShape(_ words: String) -> String { "\(words), for one, gives samples of 7 x 4 numbers" }

    /// Names in a sentence: `prob, loss and kl`.
    package static func list(_ names: [String]) -> String {
        guard names.count > 1 else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1]
    }
}

extension Hint: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) { self = .words(text) }
}
