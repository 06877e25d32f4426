import Archives
import Checkpoints
import Text

/// A `config.json` for weights that are stored differently from those that it came with.
struct ConvertedConfiguration {
    private let configuration: ByteRegion

    init(_ configuration: ByteRegion) { self.configuration = configuration }

    /// What libraries call the types of weights.
    private static let names: [DType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16", .f64: "float64"]

    /// The settings without those of a quantisation, and with the type that most of the draft's weights have. All else stays as it was written.
    func text(for draft: CheckpointDraft) -> ByteRegion {
        guard var members = JSONMembers(configuration.withUnsafeBytes { Array($0) }) else { return configuration }
        var isChanged = false
        for name in ["quantization_config", "quantization"] where members.contains(name) {
            members = JSONMembers(members.removing(name)) ?? members
            isChanged = true
        }
        let written = ["dtype", "torch_dtype"].filter(members.contains)
        if let name = Self.names[draft.mostFrequentType ?? .f32] {
            for key in written.isEmpty && isChanged ? ["torch_dtype"] : written {
                members = JSONMembers(members.setting(key, to: JSONText.string(name))) ?? members
            }
        }
        return ByteRegion(copying: members.text)
    }
}

extension CheckpointDraft {
    /// The type of real numbers that most elements have; nil without any.
    fileprivate var mostFrequentType: DType? {
        var counts: [DType: Int] = [:]
        for tensor in tensors where tensor.dtype.isFloatingPoint {
            let count = tensor.shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
            counts[tensor.dtype, default: 0] += max(count, 0)
        }
        return counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key
    }
}
