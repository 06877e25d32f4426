import Datasets
import Tensors
import Text

/// The data that a behaviour is measured on: clean samples, their corrupted counterparts, and the answers that distinguish them.
///
/// Language models read two prompts of one length, all others two samples. Answers are read at the last position.
package struct BehaviourPairs: Sendable {
    /// The name that the user gave.
    package let name: String
    package let clean: Dataset
    /// As many samples, each of the length of its clean one.
    package let corrupted: Dataset
    /// The tokens or classes that are right after each clean sample, each once; may be empty.
    package let answers: [[Int32]]
    /// Those that are wrong, each once; may be empty.
    package let wrongAnswers: [[Int32]]

    package var count: Int { answers.count }

    /// Whether the clean samples have a class each, which is the answer.
    package var hasClasses: Bool {
        switch clean.targets {
        case .labels, .answers: true
        case .nextToken, .masked, .numbers, .inputs, .none: false
        }
    }

    package init(name: String, clean: Dataset, corrupted: Dataset, answers: [[Int32]], wrongAnswers: [[Int32]]) {
        precondition(
            clean.count == answers.count && corrupted.count == answers.count && wrongAnswers.count == answers.count,
            "\(clean.count) clean, \(corrupted.count) corrupted samples, \(answers.count) and \(wrongAnswers.count) answers")
        self.name = name
        self.clean = clean
        self.corrupted = corrupted
        self.answers = answers.map(Self.distinct)
        self.wrongAnswers = wrongAnswers.map(Self.distinct)
    }

    /// Prompts as token ids.
    package init(_ tokens: TokenPairs) {
        self.init(
            name: tokens.name, clean: Dataset(name: tokens.name, inputs: .tokens(tokens.clean), targets: .none),
            corrupted: Dataset(name: tokens.name, inputs: .tokens(tokens.corrupted), targets: .none), answers: tokens.answers,
            wrongAnswers: tokens.wrongAnswers)
    }

    /// Each sample of `dataset` as a clean one, with a sample of another class as its corrupted counterpart.
    ///
    /// The counterpart is drawn under the seed from all samples of other classes that are as long. The clean sample's class is the answer,
    /// the counterpart's the wrong answer.
    ///
    /// - Throws: ``Problem`` if the samples have no class each, or one has no counterpart.
    package init(byClass dataset: Dataset, seed: UInt64) throws(Problem) {
        let classes: [Int32]
        switch dataset.targets {
        case .labels(let list), .answers(let list): classes = list
        case .nextToken, .masked, .numbers, .inputs, .none:
            throw Problem(dataset.name, "has no class for each sample, by which pairs could be drawn", expected: "labels or answers")
        }
        let groups = Dictionary(grouping: 0..<dataset.count) { Self.length(of: $0, dataset) }.mapValues { samples in
            ClassGroup(samples, classes: classes)
        }
        var partners: [Int] = []
        partners.reserveCapacity(dataset.count)
        for sample in 0..<dataset.count {
            var generator = SeededGenerator(seed: seed, purpose: "pairs by class", index: sample)
            guard let partner = groups[Self.length(of: sample, dataset)]?.partner(ofClass: classes[sample], &generator) else {
                throw Problem(
                    dataset.name, "sample \(sample) has no counterpart: no other class has a sample as long as it",
                    expected: "two classes or more")
            }
            partners.append(partner)
        }
        self.init(
            name: dataset.name, clean: dataset, corrupted: dataset.selecting(partners), answers: classes.map { [$0] },
            wrongAnswers: partners.map { [classes[$0]] })
    }

    /// The first `count` pairs.
    package func prefix(_ count: Int) -> BehaviourPairs { count < self.count ? selecting(Array(0..<max(count, 0))) : self }

    /// The pairs at the places `chosen`, in that order; a place may occur more than once.
    package func selecting(_ chosen: [Int]) -> BehaviourPairs {
        BehaviourPairs(
            name: name, clean: clean.selecting(chosen), corrupted: corrupted.selecting(chosen), answers: chosen.map { answers[$0] },
            wrongAnswers: chosen.map { wrongAnswers[$0] })
    }

    /// The length of a pair's sequences; 0 for samples of numbers.
    package func length(of pair: Int) -> Int { Self.length(of: pair, clean) }

    private static func length(of sample: Int, _ dataset: Dataset) -> Int {
        if case .tokens(let tokens) = dataset.inputs { tokens.length(of: sample) } else { 0 }
    }

    private static func distinct(_ answers: [Int32]) -> [Int32] {
        var seen: Set<Int32> = []
        return answers.filter { seen.insert($0).inserted }
    }
}

/// Samples of one length, class by class.
private struct ClassGroup {
    private let samples: [Int]
    private let ranges: [Int32: Range<Int>]

    init(_ samples: [Int], classes: [Int32]) {
        self.samples = samples.sorted { (classes[$0], $0) < (classes[$1], $1) }
        var ranges: [Int32: Range<Int>] = [:]
        for (place, sample) in self.samples.enumerated() {
            let start = ranges[classes[sample]]?.lowerBound ?? place
            ranges[classes[sample]] = start..<place + 1
        }
        self.ranges = ranges
    }

    /// Any sample of another class, all with the same chance; nil if there is none.
    func partner(ofClass own: Int32, _ generator: inout SeededGenerator) -> Int? {
        let range = ranges[own] ?? 0..<0
        guard samples.count > range.count else { return nil }
        let place = generator.integer(below: samples.count - range.count)
        return samples[place < range.lowerBound ? place : place + range.count]
    }
}
