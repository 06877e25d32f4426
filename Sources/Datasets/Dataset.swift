/// Samples with their answers: a fixed, ordered collection that is read one batch at a time.
package struct Dataset: Sendable {
    /// The input of a network.
    package enum Inputs: Sendable {
        /// Numbers, an array of the same shape for each sample.
        case values(SampleValues)
        /// Token ids; samples may differ in length.
        case tokens(TokenSequences)
    }

    /// The right answers.
    package enum Targets: Sendable {
        /// One class for each sample.
        case labels([Int32])
        /// The token to be predicted at the last position of each sample.
        case answers([Int32])
        /// Every position's answer is the token after it.
        case nextToken
        /// Unknown.
        case none
    }

    /// A label or an answer and the first sample that has it.
    package struct LargestTarget: Sendable, Equatable {
        package let value: Int32
        package let sample: Int
    }

    /// The name that the user gave.
    package let name: String
    /// The number of samples; at least 1 if they are read from files.
    package let count: Int
    package let inputs: Inputs
    package let targets: Targets

    /// Samples with their answers, one for each.
    package init(name: String, inputs: Inputs, targets: Targets) {
        self.name = name
        self.inputs = inputs
        self.targets = targets
        switch inputs {
        case .values(let values): count = values.count
        case .tokens(let tokens): count = tokens.count
        }
        switch targets {
        case .labels(let list), .answers(let list): precondition(list.count == count, "\(list.count) targets for \(count) samples")
        case .nextToken, .none: break
        }
    }

    /// The largest label or answer, none of which is negative; nil if there are none. Costs a pass over them.
    package var largestTarget: LargestTarget? {
        switch targets {
        case .labels(let list), .answers(let list):
            guard let value = list.max(), let sample = list.firstIndex(of: value) else { return nil }
            return LargestTarget(value: value, sample: sample)
        case .nextToken, .none:
            return nil
        }
    }

    /// The number of classes according to the labels, the largest label plus 1; nil if the targets are not labels.
    package var classCount: Int? {
        guard case .labels = targets else { return nil }
        return largestTarget.map { Int($0.value) + 1 }
    }

    /// The samples at the places `samples`, in that order; their values are not copied.
    package func selecting(_ samples: [Int]) -> Dataset {
        let chosenInputs: Inputs =
            switch inputs {
            case .values(let values): .values(values.selecting(samples))
            case .tokens(let tokens): .tokens(tokens.selecting(samples))
            }
        let chosenTargets: Targets =
            switch targets {
            case .labels(let list): .labels(samples.map { list[$0] })
            case .answers(let list): .answers(samples.map { list[$0] })
            case .nextToken: .nextToken
            case .none: .none
            }
        return Dataset(name: name, inputs: chosenInputs, targets: chosenTargets)
    }
}
