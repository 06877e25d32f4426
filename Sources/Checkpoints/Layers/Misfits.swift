import Text

/// The tensors of an MLP or of a mixture of experts whose shapes contradict each other. Which of them is wrong cannot be known, so that none of
/// them is read as a layer.
struct Misfits {
    /// Why a tensor does not fit the others, by its name; without the name.
    private(set) var problems: [String: Problem] = [:]

    /// Finds stacks of different numbers of experts, and experts of different shapes.
    init(_ parts: TensorParts) {
        /// The first stack of every mixture, by what stands before the stacks' own names.
        var stacks: [Substring: (name: TensorName, count: Int)] = [:]
        /// The first expert's shape of every matrix of a mixture, by the name without the expert's number.
        var experts: [String: (name: String, shape: [Int])] = [:]
        for (name, shape) in zip(parts.index.names, parts.index.shapes) where shape.count >= 2 {
            if let expert = Self.expert(name) {
                let key = String(name.full[..<expert.startIndex]) + "*" + String(name.full[expert.endIndex...])
                let first = experts[key] ?? (name.full, shape)
                experts[key] = first
                if first.shape != shape {
                    problems[name.full] = Problem(
                        "is not of the shape of the other experts", expected: "\(first.shape) of '\(first.name)'", found: "\(shape)")
                }
            } else if let count = parts.expertCount(name, shape: shape) {
                let key = name.full[..<name.moduleName.startIndex]
                let first = stacks[key] ?? (name, count)
                stacks[key] = first
                guard first.count != count else { continue }
                problems[name.full] = Self.problem(count, unlike: first.name, first.count)
                problems[first.name.full] = problems[first.name.full] ?? Self.problem(first.count, unlike: name, count)
            }
        }
    }

    /// The number of an expert in the name of one of its tensors.
    private static func expert(_ name: TensorName) -> Substring? {
        guard let place = name.parts.firstIndex(of: "experts"), place + 1 < name.parts.count, Int(name.parts[place + 1]) != nil else {
            return nil
        }
        return name.parts[place + 1]
    }

    private static func problem(_ count: Int, unlike other: TensorName, _ otherCount: Int) -> Problem {
        Problem("holds another number of experts than '\(other.moduleName)'", expected: "\(otherCount)", found: "\(count)")
    }

    /// Adds a tensor whose shape and neighbours leave open what it is.
    mutating func add(_ problem: Problem, _ name: TensorName) { problems[name.full] = problem }

    /// Adds gate and input in one matrix, and the output matrix that they do not fit.
    ///
    /// - Parameters:
    ///   - outputs: the out-neurons of gate and input together.
    ///   - columns: the in-neurons of the output matrix.
    mutating func add(_ names: MLPNames, _ name: TensorName, outputs: Int, columns: Int) {
        guard let output = names.output, let other = TensorIndex.sibling(of: name, replacing: names.input, with: output) else { return }
        problems[name.full] =
            problems[name.full]
            ?? Problem("does not fit '\(output)'", expected: "twice its \(columns) in-neurons as out-neurons", found: "\(outputs)")
        problems[other] =
            problems[other]
            ?? Problem("does not fit '\(names.input)'", expected: "half of its \(outputs) out-neurons as in-neurons", found: "\(columns)")
    }
}
