import ArgumentParser
import Checkpoints
import Datasets
import Networks
import Training

extension KeptWeights: Choice {}

extension FinetuneCommand {
    /// The options as a request to the library.
    ///
    /// - Throws: errors of the file of clusters.
    func request(_ model: LoadedModel) throws -> FinetuneRequest {
        let seed = computation.seed
        var request = FinetuneRequest(model, data: data.values(seed: seed))
        func watched(_ path: String?, labels: String?) -> DatasetSource? {
            guard let path else { return nil }
            var source = data.samples.source(path, seed: seed)
            (source.labels, source.limit) = (labels, watching.limit)
            return source
        }
        request.evaluated = watched(watching.evaluated, labels: watching.evaluatedLabels)
        request.guarded = watched(watching.guarding, labels: watching.guardingLabels)
        if let path = clusterability.clusterFile {
            request.clusters = .given(try ClusterFile(path: path).clusters(for: model.catalog))
        } else {
            request.clusters = .found(clusterability.method ?? .cocluster, clusterability.clusterCount)
        }
        request.layers = layers.patterns
        (request.lambda, request.warmup) = (clusterability.lambda, clusterability.warmup)
        request.training = optimization.plan
        (request.only, request.frozen) = (optimization.only, optimization.frozen)
        (request.evaluationInterval, request.savingInterval) = (watching.interval, state.interval)
        (request.wantedClusterability, request.wantedAccuracy) = (watching.goal(.clusterability), watching.goal(.accuracy))
        request.keptWeights = watching.keep
        (request.seed, request.threads) = (seed, computation.threadCount)
        request.naming = Self.option
        return request
    }

    /// The option that decides a part of a run.
    private static func option(_ part: RunPart) -> String {
        switch part {
        case .checkpoint(.weights): "CHECKPOINT"
        case .checkpoint(.base): "--base"
        case .checkpoint(.baseMember): "--base-member"
        case .checkpoint(.baseKey): "--base-key"
        case .checkpoint(.member): "--member"
        case .checkpoint(.key): "--key"
        case .checkpoint(.companions): "config.json or the tokenizer"
        case .architecture: "--arch"
        case .data(.data): "--data"
        case .data(.labels): "--labels"
        case .data(.normalization), .evaluated(.normalization): "--normalize"
        case .data(.context), .evaluated(.context): "--context"
        case .data(.tokenWidth), .evaluated(.tokenWidth): "--token-type"
        case .data(.trainFraction), .evaluated(.trainFraction): "--train-fraction"
        case .data(.limit): "--limit"
        case .data(.task), .evaluated(.task): "--task"
        case .evaluated(.data): "--eval"
        case .evaluated(.labels): "--eval-labels"
        case .evaluated(.limit): "--eval-limit"
        case .settings(.optimizer): "--optimizer"
        case .settings(.rate): "--lr"
        case .settings(.decay): "--schedule"
        case .settings(.rateWarmup): "--lr-warmup"
        case .settings(.weightDecay): "--weight-decay"
        case .settings(.betas): "--betas"
        case .settings(.epsilon): "--eps"
        case .settings(.momentum): "--momentum"
        case .settings(.momentumKind): "--nesterov"
        case .settings(.largestNorm): "--clip"
        case .order(.batch): "--batch"
        case .order(.accumulation): "--accumulate"
        case .plan(.steps): "--epochs or --steps"
        case .plan(.warmup): "--warmup"
        case .plan(.evaluationInterval): "--eval-every"
        case .plan(.goals): "--until"
        case .term(.lambda): "--lambda"
        case .term(.layers): "--layers"
        case .term(.clusters): "--clusters"
        case .term(.method): "--method"
        case .term(.count): "-k"
        case .frozenParameters: "--freeze"
        case .trainedParameters: "--only"
        case .seed: "--seed"
        case .keptWeights: "--keep"
        }
    }
}
