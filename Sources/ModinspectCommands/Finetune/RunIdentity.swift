import Archives
import Checkpoints
import Crypto
import Datasets
import Glibc
import Training

/// What decides the numbers of a run, by option: a run goes on only where all of it is as it was.
///
/// It is made of what the parts of the run say that they depend on; here each part only gets the name of its option.
struct RunIdentity {
    private(set) var words: [String: String] = [:]

    /// - Parameter samples: what the data holds, for data that can be read only once.
    mutating func add(_ option: String, _ dependency: Dependency?, samples: Dataset? = nil) throws {
        switch dependency {
        case .words(let text): words[option] = text
        case .content(let regions): words[option] = Self.digest(regions)
        case .file(let path): words[option] = try path + Self.content(of: path, samples)
        case nil: words[option] = nil
        }
    }

    mutating func add(_ checkpoint: Checkpoint) throws {
        for part in Checkpoint.Part.allCases {
            let option =
                switch part {
                case .weights: "CHECKPOINT"
                case .member: "--member"
                case .key: "--key"
                case .companions: "config.json or the tokenizer"
                }
            try add(option, checkpoint[dependency: part])
        }
    }

    /// - Parameter labels: the option that names the labels; only the data and its labels belong to it, not how samples are read.
    mutating func add(_ source: DatasetSource, _ samples: Dataset, data: String, labels: String, isWhole: Bool) throws {
        for part in DatasetSource.Part.allCases {
            let option: String? =
                switch part {
                case .data: data
                case .labels: labels
                case .normalization: isWhole ? "--normalize" : nil
                case .context: isWhole ? "--context" : nil
                case .tokenWidth: isWhole ? "--token-type" : nil
                case .trainFraction: isWhole ? "--train-fraction" : nil
                }
            if let option { try add(option, source[dependency: part], samples: samples) }
        }
    }

    mutating func add(_ settings: Trainer.Settings) throws {
        for part in Trainer.Settings.Part.allCases {
            let option =
                switch part {
                case .optimizer: "--optimizer"
                case .rate: "--lr"
                case .decay: "--schedule"
                case .rateWarmup: "--lr-warmup"
                case .weightDecay: "--weight-decay"
                case .betas: "--betas"
                case .epsilon: "--eps"
                case .momentum: "--momentum"
                case .momentumKind: "--nesterov"
                case .largestNorm: "--clip"
                }
            try add(option, settings[dependency: part])
        }
    }

    mutating func add(_ order: BatchOrder) throws {
        for part in BatchOrder.Part.allCases {
            let option =
                switch part {
                case .batch: "--batch"
                case .accumulation: "--accumulate"
                }
            try add(option, order[dependency: part])
        }
    }

    mutating func add(_ plan: TrainingRun.Plan) throws {
        for part in TrainingRun.Plan.Part.allCases {
            let option =
                switch part {
                case .steps: "--epochs or --steps"
                case .warmup: "--warmup"
                case .evaluationInterval: "--eval-every"
                case .goals: "--until"
                }
            try add(option, plan[dependency: part])
        }
    }

    /// The hash of a file's content, or of what was read where the path is none of a file.
    private static func content(of path: String, _ samples: Dataset?) throws -> String {
        var status = stat()
        if path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            return " (sha256 \(digest([try ByteRegion.contents(path: path)])))"
        }
        guard let samples else { return "" }
        var hash = SHA256()
        samples.forEachPiece { hash.update(bufferPointer: $0) }
        return " (sha256 \(FileDigest.hexadecimal(hash).prefix(12)))"
    }

    private static func digest(_ regions: [ByteRegion]) -> String {
        let progress = Progress("sha256", total: 0, unit: "bytes", isShown: false)
        return String(ByteRegion.sha256(of: regions, progress).prefix(12))
    }
}

extension FinetuneCommand {
    /// The identity of a run; reads every file.
    ///
    /// What the guard says, how often the state is saved, and where and in which type the result is written decide no number.
    func identity(
        _ model: LoadedModel, trainer: Trainer, term: ClusteredTerm, plan: TrainingRun.Plan, data samples: Dataset, evaluated: Dataset?
    ) throws -> [String: String] {
        var identity = RunIdentity()
        try identity.add(model.checkpoint)
        try identity.add("--arch", Dependency.setting(model.architecture))
        let seed = computation.seed
        try identity.add(
            model.datasetSource(data.data, data.samples, seed: seed), samples, data: "--data", labels: "--labels", isWhole: true)
        try identity.add("--limit", Dependency.setting(data.limit))
        if let path = watching.evaluated, let evaluated {
            var options = data.samples
            options.labels = watching.evaluatedLabels
            try identity.add(
                model.datasetSource(path, options, seed: seed), evaluated, data: "--eval", labels: "--eval-labels", isWhole: false)
            try identity.add("--eval-limit", Dependency.setting(watching.limit))
        }
        try identity.add(trainer.settings)
        try identity.add(trainer.order)
        try identity.add(plan)
        for (option, dependency) in term.dependencies { try identity.add(option, dependency) }
        try identity.add("--freeze", optimization.frozen.isEmpty ? nil : .words(optimization.frozen.joined(separator: ",")))
        try identity.add("--only", optimization.only.isEmpty ? nil : .words(optimization.only.joined(separator: ",")))
        try identity.add("--seed", Dependency.setting(seed))
        try identity.add("--keep", .words(watching.keep.rawValue))
        return identity.words
    }
}
