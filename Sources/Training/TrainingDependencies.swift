import Archives

extension Trainer.Settings {
    /// The inputs that determine a step's update.
    package enum Part: CaseIterable, Sendable {
        case optimizer, rate, decay, rateWarmup, weightDecay, betas, epsilon, momentum, momentumKind, largestNorm
    }

    /// What a part depends on; nil if the optimiser does not read it.
    package subscript(dependency part: Part) -> Dependency? {
        let isAdam = optimizer.rule != .sgd
        return switch part {
        case .optimizer: .words(optimizer.rule.rawValue)
        case .rate: Dependency.setting(learningRate.peak)
        case .decay: .words(learningRate.decay.rawValue)
        case .rateWarmup: Dependency.setting(learningRate.warmup)
        case .weightDecay: Dependency.setting(optimizer.weightDecay)
        case .betas: isAdam ? Dependency.words("\(optimizer.beta1),\(optimizer.beta2)") : nil
        case .epsilon: isAdam ? Dependency.setting(optimizer.epsilon) : nil
        case .momentum: isAdam ? nil : Dependency.setting(optimizer.momentum)
        case .momentumKind: isAdam ? nil : .words("\(optimizer.momentumKind)")
        case .largestNorm: Dependency.setting(largestNorm)
        }
    }
}

extension BatchOrder {
    /// The inputs that determine the samples of a step, besides the data and the seed.
    package enum Part: CaseIterable, Sendable {
        case batch, accumulation
    }

    package subscript(dependency part: Part) -> Dependency? {
        switch part {
        case .batch: .words(batchSize == count ? "all" : "\(batchSize)")
        case .accumulation: Dependency.setting(accumulation)
        }
    }
}

extension TrainingRun.Plan {
    /// The inputs that determine the course of a run. How often its state is saved is not one of them.
    package enum Part: CaseIterable, Sendable {
        case steps, warmup, evaluationInterval, goals
    }

    package subscript(dependency part: Part) -> Dependency? {
        switch part {
        case .steps: return .words("\(steps) step\(steps == 1 ? "" : "s")")
        case .warmup: return Dependency.setting(warmup)
        case .evaluationInterval: return Dependency.setting(evaluationInterval)
        case .goals:
            let goals = [("clusterability", wantedClusterability), ("accuracy", wantedAccuracy)].compactMap { name, wanted in
                wanted.map { "\(name)=\($0)" }
            }
            return goals.isEmpty ? nil : .words(goals.joined(separator: ","))
        }
    }
}
