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
        /// The tokens that stood where the samples have a mask token.
        case masked([[MaskedAnswer]])
        /// Numbers that the outputs should be near to.
        case numbers(TargetNumbers)
        /// The samples themselves, which the outputs should be near to.
        case inputs
        /// Unknown.
        case none
    }

    /// A label or an answer and the first sample that has it.
    package struct LargestTarget: Sendable, Equatable {
        package let value: Int32
        package let sample: Int
    }

    /// The token that belongs in a masked place.
    package struct MaskedAnswer: Sendable, Equatable {
        /// In the sample's sequence.
        package let position: Int
        package let token: Int32

        package init(position: Int, token: Int32) {
            self.position = position
            self.token = token
        }
    }

    /// As many numbers for each sample.
    package struct TargetNumbers: Sendable, Equatable {
        package let width: Int
        /// Sample by sample.
        package let values: [Float]

        package init(width: Int, values: [Float]) {
            precondition(width > 0 && values.count % width == 0, "\(values.count) numbers, \(width) for each sample")
            self.width = width
            self.values = values
        }

        package var count: Int { values.count / width }

        /// The numbers of a sample.
        package func numbers(of sample: Int) -> ArraySlice<Float> { values[sample * width..<(sample + 1) * width] }

        func selecting(_ samples: [Int]) -> TargetNumbers { TargetNumbers(width: width, values: samples.flatMap(numbers(of:))) }
    }

    /// The name that the user gave.
    package let name: String
    /// The number of samples; at least 1 if they are read from files.
    package let count: Int
    package let inputs: Inputs
    package let targets: Targets
    /// What was decided for the user as the data was read, in sentences.
    package var notes: [String] = []
    /// Whether the user or the model said that the labels are the model's classes.
    package var areClassesStated = false
    /// Whether labels and answers only tell samples apart, so that they may be any, whatever the model scores.
    package var areLabelsGroups = false
    /// The names of the classes that have one, no two the same.
    package var classNames: [Int: String] = [:]
    /// The classes of all samples in the file, if these are some of them.
    private(set) var classCountOfFile: Int?

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
        case .masked(let answers): precondition(answers.count == count, "\(answers.count) targets for \(count) samples")
        case .numbers(let numbers): precondition(numbers.count == count, "\(numbers.count) targets for \(count) samples")
        case .nextToken, .inputs, .none: break
        }
    }

    /// The largest label or answer, none of which is negative; nil if there are none. Costs a pass over them.
    package var largestTarget: LargestTarget? {
        switch targets {
        case .labels(let list), .answers(let list):
            guard let value = list.max(), let sample = list.firstIndex(of: value) else { return nil }
            return LargestTarget(value: value, sample: sample)
        case .masked(let answers):
            let largest = answers.enumerated().compactMap { sample, found in found.map(\.token).max().map { (value: $0, sample: sample) } }
                .max { ($0.value, $1.sample) < ($1.value, $0.sample) }
            return largest.map { LargestTarget(value: $0.value, sample: $0.sample) }
        case .nextToken, .numbers, .inputs, .none:
            return nil
        }
    }

    /// The number of classes according to the labels, the largest label plus 1; nil if the targets are not labels.
    package var classCount: Int? {
        guard case .labels = targets else { return nil }
        return classCountOfFile ?? largestTarget.map { Int($0.value) + 1 }
    }

    /// The same samples with other answers.
    package func asking(_ targets: Targets) -> Dataset {
        var dataset = Dataset(name: name, inputs: inputs, targets: targets)
        (dataset.notes, dataset.areClassesStated, dataset.areLabelsGroups) = (notes, areClassesStated, areLabelsGroups)
        return dataset
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
            case .masked(let answers): .masked(samples.map { answers[$0] })
            case .numbers(let numbers): .numbers(numbers.selecting(samples))
            case .nextToken: .nextToken
            case .inputs: .inputs
            case .none: .none
            }
        var chosen = Dataset(name: name, inputs: chosenInputs, targets: chosenTargets)
        (chosen.notes, chosen.areClassesStated, chosen.classCountOfFile) = (notes, areClassesStated, classCount)
        (chosen.areLabelsGroups, chosen.classNames) = (areLabelsGroups, classNames)
        return chosen
    }
}
