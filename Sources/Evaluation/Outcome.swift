/// How well a model answers: sums over the answers that were requested.
package struct Outcome: Sendable {
    /// The same for the answers of one class.
    package struct Class: Sendable, Equatable {
        package var count = 0
        package var correct = 0
        /// Sum of the losses in nats.
        package var loss = 0.0

        package init() {}

        /// The share of right answers; nil if none was requested.
        package var accuracy: Double? { count > 0 ? Double(correct) / Double(count) : nil }
        /// The mean loss in nats; nil if none was requested.
        package var meanLoss: Double? { count > 0 ? loss / Double(count) : nil }
    }

    /// All answers.
    package private(set) var total = Class()
    /// By the class of the right answer; empty if classes are tokens of a text.
    package private(set) var classes: [Class]

    /// - Parameter classCount: the number of classes; 0 where answers are not counted by class.
    package init(classCount: Int) { classes = Array(repeating: Class(), count: classCount) }

    /// Whether answers are numbers, which are near or far but not right or wrong.
    private var areNumbers = false

    /// Counts an answer; a negative target is a number, of which only the loss is known.
    package mutating func add(target: Int, isCorrect: Bool, loss: Double) {
        if target < 0 { areNumbers = true }
        total.count += 1
        total.correct += isCorrect ? 1 : 0
        total.loss += loss
        guard target >= 0, target < classes.count else { return }
        classes[target].count += 1
        classes[target].correct += isCorrect ? 1 : 0
        classes[target].loss += loss
    }

    package static func += (a: inout Outcome, b: Outcome) {
        func add(_ x: inout Class, _ y: Class) {
            x.count += y.count
            x.correct += y.correct
            x.loss += y.loss
        }
        add(&a.total, b.total)
        a.areNumbers = a.areNumbers || b.areNumbers
        for place in a.classes.indices where place < b.classes.count { add(&a.classes[place], b.classes[place]) }
    }

    /// The share of right answers; nil if none was requested, or if answers are numbers.
    package var accuracy: Double? { areNumbers ? nil : total.accuracy }
    package var loss: Double? { total.meanLoss }
}

/// The answers to one batch, one by one.
package struct Answers: Sendable {
    /// The sample of each answer.
    package var samples: [Int] = []
    /// The place in the sample's sequence at which the answer is given; 0 for samples without one.
    package var positions: [Int] = []
    /// The right class or token; -1 where the answer is a number.
    package var targets: [Int32] = []
    /// The model's answer: the class with the highest score, the first one if several are equal.
    package var predictions: [Int32] = []
    /// In nats.
    package var losses: [Double] = []

    package init() {}

    package var count: Int { targets.count }

    package func isCorrect(_ place: Int) -> Bool { targets[place] >= 0 && predictions[place] == targets[place] }

    /// The sums over the answers.
    package func outcome(classCount: Int) -> Outcome {
        var outcome = Outcome(classCount: classCount)
        for place in targets.indices { outcome.add(target: Int(targets[place]), isCorrect: isCorrect(place), loss: losses[place]) }
        return outcome
    }
}
