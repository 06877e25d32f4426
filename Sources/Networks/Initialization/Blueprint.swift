import Archives
import Checkpoints
import Tensors
import Text

/// A model to be created: the names, shapes and initial distributions of its tensors.
package struct Blueprint: Sendable {
    /// One parameter.
    package struct Parameter: Sendable, Equatable {
        package let name: String
        /// As stored, slowest dimension first.
        package let shape: [Int]
        package let distribution: InitialDistribution
        package var dtype = DType.f32
    }

    /// In the model's order.
    package private(set) var parameters: [Parameter] = []
    /// How a plain chain runs; nil for models that are known by their settings or names.
    package var architecture: Architecture?
    /// The model's `config.json`, if it has one.
    package var configuration: ByteRegion?
    private var count = 0
    private var names: Set<String> = []

    package init() {}

    /// A model with more weights than this is refused.
    private static let largestTensor = 1 << 30
    private static let largestModel = 1 << 32

    /// - Throws: ``Problem`` for a name that is used twice and for absurd sizes.
    mutating func add(_ name: String, _ shape: [Int], _ distribution: InitialDistribution, dtype: DType = .f32) throws(Problem) {
        let subject = "tensor '\(name)'"
        guard names.insert(name).inserted else { throw Problem("appears twice", subject: subject) }
        var size = 1
        for length in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: length)
            guard !overflow, product <= Self.largestTensor else {
                throw Problem("is too large", subject: subject, expected: "at most \(Self.largestTensor) weights", found: words(shape))
            }
            size = product
        }
        count += size
        guard count <= Self.largestModel else {
            throw Problem("the model is too large", expected: "at most \(Self.largestModel) weights", found: "more")
        }
        parameters.append(Parameter(name: name, shape: shape, distribution: distribution, dtype: dtype))
    }

    /// The model with new random numbers. Each tensor has its own random stream under the seed: the same seed gives the same bytes.
    ///
    /// - Parameter files: the files that are written with the weights; the model's `config.json` is added.
    package func draft(seed: UInt64, files: [String: ByteRegion] = [:]) -> CheckpointDraft {
        let tensors = parameters.map { parameter -> CheckpointDraft.Tensor in
            if parameter.dtype == .i64 {
                return .init(name: parameter.name, dtype: .i64, shape: parameter.shape) {
                    ByteRegion(copying: [UInt8](repeating: 0, count: 8 * parameter.shape.reduce(1, *)))
                }
            }
            return .init(name: parameter.name, dtype: parameter.dtype, shape: parameter.shape) {
                var generator = SeededGenerator(seed: seed, purpose: "init." + parameter.name)
                return parameter.distribution.tensor(shape: parameter.shape, generator: &generator)
            }
        }
        var files = files
        if let configuration { files["config.json"] = configuration }
        return CheckpointDraft(tensors: tensors, files: files)
    }
}
