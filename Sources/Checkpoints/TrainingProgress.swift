import Archives
import Text

/// The progress of the training run that wrote a checkpoint, as its files record it.
package struct TrainingProgress: Sendable, Equatable {
    /// Steps of the optimiser.
    package private(set) var step: Int?
    /// Passes over the data, possibly fractional.
    package private(set) var epoch: Double?

    /// The file that Hugging Face's Trainer writes next to the weights.
    static let fileName = "trainer_state.json"

    /// The names under which trainers store their number of steps, in order of precedence.
    private static let stepNames = [
        "global_step", "global_steps", "step", "iteration", "iter", "iter_num", "current_step", "train_step", "training_step",
        "num_updates",
    ]
    private static let epochNames = ["epoch", "current_epoch"]

    /// - Parameter value: the number under a name; nil if there is none.
    private init?(_ value: (String) -> Double?) {
        for name in Self.stepNames where step == nil { step = value(name).flatMap(Int.init(exactly:)).flatMap { $0 < 0 ? nil : $0 } }
        for name in Self.epochNames where epoch == nil { epoch = value(name).flatMap { $0 >= 0 && $0.isFinite ? $0 : nil } }
        if step == nil, epoch == nil { return nil }
    }

    /// The progress recorded in the outer dictionary of a training file.
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

    /// The progress recorded in `trainer_state.json`.
    init?(trainerState file: ByteRegion) {
        self.init { name in
            guard ["global_step", "epoch"].contains(name) else { return nil }
            return file.withUnsafeBytes { JSONCursor.member(name, of: $0) }?.real
        }
    }

    /// The progress recorded as text in the metadata of a safetensors file.
    init?(_ metadata: [MetadataEntry]) {
        self.init { name in
            guard case .string(let text)? = metadata.first(where: { $0.key == name })?.value else { return nil }
            return Double(text)
        }
    }

    /// A dictionary with more entries is a model's own.
    private static let memberLimit = 4096
}
