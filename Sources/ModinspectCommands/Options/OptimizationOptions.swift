import ArgumentParser
import Text
import Training

extension Optimizer.Rule: Choice {}
extension LearningRate.Decay: Choice {}

/// How weights are changed, and how often.
struct OptimizationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The optimiser, as PyTorch defines it.", discussion: Optimizer.Rule.list))
    var optimizer = Optimizer.Rule.adam

    @Option(
        name: .customLong("lr"), help: ArgumentHelp("The largest learning rate.", valueName: "x"),
        transform: { try NumberRange.nonNegative.number($0) })
    var learningRate = 1e-3

    @Option(help: ArgumentHelp("How the learning rate changes.", discussion: LearningRate.Decay.list))
    var schedule = LearningRate.Decay.constant

    @Option(
        name: .customLong("lr-warmup"),
        help: ArgumentHelp("The number of steps over which the learning rate rises to its largest value.", valueName: "n"))
    var rateWarmup = 0

    @Option(
        name: .customLong("weight-decay"),
        help: ArgumentHelp("How fast weights shrink; without this option 0.01 with adamw, otherwise 0.", valueName: "x"),
        transform: { try NumberRange.nonNegative.number($0) })
    var weightDecay: Double?

    @Option(help: ArgumentHelp("The momentum of sgd.", valueName: "x"), transform: { try NumberRange.decay.number($0) })
    var momentum: Double?

    @Flag(help: "With sgd: Nesterov's momentum.")
    var nesterov = false

    @Option(
        help: ArgumentHelp("The decay rates of Adam's running means; 0.9,0.999 without this option.", valueName: "b1,b2"),
        transform: { try AdamShares($0) })
    var betas: AdamShares?

    @Option(
        help: ArgumentHelp("The constant that Adam adds to its denominator; 1e-8 without this option.", valueName: "x"),
        transform: { try NumberRange.nonNegative.number($0) })
    var eps: Double?

    @Option(
        help: ArgumentHelp("Scale the gradient down to this norm if it is longer.", valueName: "norm"),
        transform: { try NumberRange.positive.number($0) })
    var clip: Double?

    @Option(
        name: [.customLong("batch"), .customLong("batch-size")],
        help: ArgumentHelp("The number of samples in a batch; without this option 64, or 8 windows of running text.", valueName: "n"))
    var batchSize: Int?

    @Flag(name: .customLong("full-batch"), help: "Use all samples as one batch.")
    var takesWholeData = false

    @Option(help: ArgumentHelp("The number of batches whose gradients are averaged for one step.", valueName: "n"))
    var accumulate = 1

    @Option(help: ArgumentHelp("The number of passes over the data; 1 without this option.", valueName: "n"))
    var epochs: Int?

    @Option(help: ArgumentHelp("The number of steps, in place of --epochs.", valueName: "n"))
    var steps: Int?

    @Option(
        name: .customLong("freeze"),
        help: ArgumentHelp(
            "Do not train these parameters, by tensor name with *, ? and [...]; repeatable, and a list between commas.", valueName: "glob"))
    var frozenLists: [String] = []

    @Option(
        name: .customLong("only"),
        help: ArgumentHelp(
            "Train only these parameters, by tensor name with *, ? and [...]; repeatable, and a list between commas.", valueName: "glob"))
    var onlyLists: [String] = []

    var frozen: [String] { frozenLists.flatMap(GlobList.split) }
    var only: [String] { onlyLists.flatMap(GlobList.split) }

    mutating func validate() throws {
        try Self.check(!frozen.contains(""), "--freeze has an empty pattern")
        try Self.check(!only.contains(""), "--only has an empty pattern")
        try Self.check(rateWarmup >= 0, "--lr-warmup must be at least 0")
        try Self.check(optimizer == .sgd || (momentum == nil && !nesterov), "--momentum and --nesterov go with --optimizer sgd only")
        try Self.check(!nesterov || (momentum ?? 0) > 0, "--nesterov needs --momentum")
        try Self.check(optimizer != .sgd || (betas == nil && eps == nil), "--betas and --eps do not go with --optimizer sgd")
        try Self.check(batchSize.map { $0 > 0 } ?? true, "--batch must be at least 1")
        try Self.check(!takesWholeData || batchSize == nil, "--full-batch cannot be combined with --batch")
        try Self.check(accumulate > 0, "--accumulate must be at least 1")
        try Self.check(!takesWholeData || accumulate == 1, "--full-batch cannot be combined with --accumulate")
        try Self.check(epochs == nil || steps == nil, "--epochs cannot be combined with --steps")
        try Self.check(epochs.map { $0 > 0 } ?? true, "--epochs must be at least 1")
        try Self.check(steps.map { $0 > 0 } ?? true, "--steps must be at least 1")
    }

    private static func check(_ isValid: Bool, _ message: String) throws {
        if !isValid { throw ValidationError(message) }
    }

    /// The options as a library takes them.
    var plan: TrainingPlan {
        var rule = Optimizer(optimizer)
        if let weightDecay { rule.weightDecay = weightDecay }
        if let betas { (rule.beta1, rule.beta2) = (betas.first, betas.second) }
        rule.epsilon = eps ?? rule.epsilon
        rule.momentum = momentum ?? 0
        rule.momentumKind = nesterov ? .nesterov : .plain
        var plan = TrainingPlan()
        plan.optimizer = rule
        (plan.learningRate, plan.decay, plan.rateWarmup) = (learningRate, schedule, rateWarmup)
        plan.largestNorm = clip
        plan.batch = takesWholeData ? .wholeData : batchSize.map(TrainingPlan.Batch.samples) ?? .standard
        plan.accumulation = accumulate
        plan.length = steps.map(TrainingPlan.Length.steps) ?? .epochs(epochs ?? 1)
        return plan
    }
}

/// The decay rates of Adam's two running means, as `--betas 0.9,0.999` gives them.
struct AdamShares {
    let first: Double
    let second: Double

    init(_ text: String) throws {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Double(decimal: $0) }
        guard parts.count == 2, let first = parts[0], let second = parts[1], (0..<1).contains(first), (0..<1).contains(second) else {
            throw ValidationError("--betas must be two numbers from 0 to below 1, as in 0.9,0.999, found '\(text)'")
        }
        (self.first, self.second) = (first, second)
    }
}
