import Archives
import Text

/// How far the training had come that wrote a checkpoint, as its files say.
package struct TrainingProgress: Sendable, Equatable {
    /// Steps of the optimiser.
    package private(set) var step: Int?
    /// Passes over the data, which may have a fraction.
    package private(set) var epoch: Double?

    /// The file of Hugging Face's Trainer that lies beside the weights.
    static let fileName = "trainer_state.json"

    /// The names under which trainers keep their number of steps, the one that counts first.
    private static let stepNames = [
        "global_step", "global_steps", "step", "iteration", "iter", "iter_num", "current_step", "train_step", "training_step",
        "num_updates",
    ]
    private static let epochNames = ["epoch", "current_epoch"]

    /// - Parameter value: the number under a name; nil if it is none.
    private init?(_ value: (String) -> Double?) {
        for name in Self.stepNames where step == nil { step = value(name).flatMap(Int.init(exactly:)).flatMap { $0 < 0 ? nil : $0 } }
        for name in Self.epochNames where epoch == nil { epoch = value(name).flatMap { $0 >= 0 && $0.isFinite ? $0 : nil } }
        if step == nil, epoch == nil { return nil }
    }

    /// What the outer dictionary of a training file says beside its model.
    init?(_ pickle: Pickle) {
        guard pickle.memberBound(pickle.root) <= Self.memberLimit, let members = pickle.members(pickle.root) else { return nil }
        self.init { name in
            switch members.first(where: { $0.hasTextKey && $0.key == name })?.value {
            case .integer(let number): Double(number)
            case .float(let number): number
            default: nil
            }
        }
    }

    /// What `trainer_state.json` says.
    init?(trainerState file: ByteRegion) {
        self.init { name in
            guard ["global_step", "epoch"].contains(name) else { return nil }
            return file.withUnsafeBytes { JSONCursor.member(name, of: $0) }?.real
        }
    }

    /// What a safetensors file says of itself, in text.
    init?(_ metadata: [MetadataEntry]) {
        self.init { name in
            guard case .string(let text)? = metadata.first(where: { $0.key == name })?.value else { return nil }
            return Double(text)
        }
    }

    /// A dictionary with more entries is a model's own.
    private static let memberLimit = 4096
}
