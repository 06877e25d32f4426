import Archives
import Checkpoints
import Glibc
import Training

extension FinetuneCommand {
    /// What decides the numbers of a run, by option: a run goes on only where all of it is as it was.
    ///
    /// Files count by their content. Reads every file.
    func identity(parent: CheckpointSource, trainer: Trainer, term: ClusteredTerm) throws -> [String: String] {
        let settings = trainer.settings
        let rule = settings.optimizer
        let rate = settings.learningRate
        var identity = [
            "CHECKPOINT": try parent.sha256 ?? Self.content(of: checkpoint),
            "--data": "\(data.data)\(try Self.content(of: data.data))",
            "--batch": optimization.takesWholeData ? "all" : "\(trainer.order.batchSize)",
            "--accumulate": "\(trainer.order.accumulation)",
            "--optimizer": rule.rule.rawValue, "--lr": "\(rate.peak)", "--schedule": rate.decay.rawValue,
            "--lr-warmup": "\(rate.warmup)", "--weight-decay": "\(rule.weightDecay)",
            optimization.epochs == nil && optimization.steps != nil ? "--steps" : "--epochs":
                "\(optimization.steps ?? optimization.epochs ?? 1)",
            "--lambda": "\(term.lambda)", "--warmup": "\(clusterability.warmup)",
            clusterability.clusterFile == nil ? "--method" : "--clusters": term.words,
            "--layers": term.layers.map(\.name).joined(separator: ","),
            "--seed": "\(computation.seed)", "--keep": watching.keep.rawValue,
        ]
        switch rule.rule {
        case .adam, .adamw: (identity["--betas"], identity["--eps"]) = ("\(rule.beta1),\(rule.beta2)", "\(rule.epsilon)")
        case .sgd: (identity["--momentum"], identity["--nesterov"]) = ("\(rule.momentum)", "\(rule.momentumKind)")
        }
        identity["--clip"] = settings.largestNorm.map { "\($0)" }
        identity["--labels"] = try data.labels.map { "\($0)\(try Self.content(of: $0))" }
        identity["--normalize"] = data.normalize.map { "\($0)" }
        identity["--context"] = data.context.map { "\($0)" }
        identity["--limit"] = data.limit.map { "\($0)" }
        identity["--train-fraction"] = data.data.hasPrefix("modadd:") ? "\(data.trainFraction)" : nil
        identity["--arch"] = architecture.architecture?.description
        identity["--freeze"] = optimization.frozen.isEmpty ? nil : optimization.frozen.joined(separator: ",")
        identity["--only"] = optimization.only.isEmpty ? nil : optimization.only.joined(separator: ",")
        identity["--until"] =
            watching.goals.isEmpty ? nil : watching.goals.map { "\($0.measure.rawValue)=\($0.value)" }.joined(separator: ",")
        identity["--eval"] = try watching.evaluated.map { "\($0)\(try Self.content(of: $0))" }
        identity["--eval-every"] = watching.interval.map { "\($0)" }
        identity["--eval-limit"] = watching.limit.map { "\($0)" }
        return identity
    }

    /// The hash of a file's content; nothing where the path is none of a file.
    private static func content(of path: String) throws -> String {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return "" }
        let content = try ByteRegion.contents(path: path)
        let progress = Progress("sha256", total: 0, unit: "bytes", isShown: false)
        return " (sha256 \(ByteRegion.sha256(of: [content], progress).prefix(12)))"
    }
}
