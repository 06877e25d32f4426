/// The names that distinguish models from the state of the training in training files.
enum TrainingKeys {
    /// Whether a key leads to the state of the optimiser, the scheduler or the loop rather than to a model.
    static func isExcluded(key: String) -> Bool {
        guard key.utf8.count <= longestName else { return false }
        let name = key.lowercased()
        return names.contains(name) || parts.contains { contains(name, $0) }
    }

    /// Whether a key is one of those under which training files store a whole model.
    static func namesModel(key: String) -> Bool {
        guard key.utf8.count <= longestName else { return false }
        let name = key.lowercased()
        return modelNames.contains(name) || contains(name, "state_dict")
    }

    /// Whether a dictionary is an optimiser's state.
    static func isOptimizer(_ members: [PickleMember]) -> Bool {
        let keys = Set(members.prefix(64).map(\.key))
        return keys.contains("param_groups") && keys.contains("state")
    }

    /// Whether a tensor's name is one of those that optimisers store for each parameter.
    static func isOptimizerValue(key: String) -> Bool { optimizerValues.contains(key) }

    /// Whether a key is the name of a layer's tensor: `weight`, `bias`, `kernel`.
    static func isParameter(key: String) -> Bool {
        let name = key.lowercased()
        return parameterNames.contains(name) || name.hasPrefix("weight") || name.hasPrefix("bias")
            || parameterEndings.contains { name.hasSuffix($0) }
    }

    /// Longer keys are names of tensors or none at all.
    private static let longestName = 128

    private static func contains(_ text: String, _ part: String) -> Bool {
        let bytes = Array(text.utf8)
        let wanted = Array(part.utf8)
        guard bytes.count >= wanted.count else { return false }
        return (0...bytes.count - wanted.count).contains { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }

    private static let names: Set<String> = [
        "opt", "opt_state", "opt_state_dict", "opt_states", "adam", "sgd", "scaler", "grad_scaler", "scaler_state_dict", "amp",
        "rng", "rng_state", "rng_states", "random_state", "torch_rng_state", "cuda_rng_state", "numpy_rng_state",
        "callbacks", "loops", "lr", "history", "metrics", "losses", "gradients", "grads", "_metadata",
        "frozen_param_fragments",
    ]
    private static let parts = ["optim", "scheduler", "rng_state", "lr_sched"]

    private static let modelNames: Set<String> = [
        "model", "models", "net", "network", "module", "weights", "params", "parameters", "model_state", "model_weights",
        "ema", "model_ema", "ema_model", "teacher", "student", "generator", "discriminator", "policy", "state",
    ]

    private static let optimizerValues: Set<String> = [
        "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "step", "square_avg", "acc_delta", "grad_avg",
        "sum", "prev", "step_size", "mu_product", "ax", "eta", "mu",
    ]

    private static let parameterNames: Set<String> = [
        "w", "b", "g", "gamma", "beta", "mean", "var", "running_mean", "running_var", "num_batches_tracked", "alpha", "table",
    ]
    private static let parameterEndings = ["weight", "weights", "bias", "kernel", "scale", "embedding", "embeddings"]
}
