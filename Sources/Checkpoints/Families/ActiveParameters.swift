import Archives
import Text

/// How many parameters a mixture of experts uses for one token.
package struct ActiveParameters: Sendable {
    package let count: Int

    /// - Returns: nil for models without experts, and if the settings do not give the number of experts for each token.
    package init?(_ checkpoint: Checkpoint, _ catalog: LayerCatalog) {
        guard let configuration = checkpoint.configuration, let used = Self.used(configuration) else { return nil }
        let repeated = Set(checkpoint.tensors.tied.flatMap { $0.dropFirst() })
        // The experts of each block, by the part of the name before their numbers: how many there are, and their elements in all.
        var numbered: [String: (numbers: Set<Substring>, elements: Int)] = [:]
        var total = 0
        var hasExperts = false
        for tensor in checkpoint.tensors where catalog.isParameter(tensor) && !repeated.contains(tensor.name) {
            let parts = tensor.name.split(separator: ".")
            guard let place = parts.firstIndex(where: TensorName.mixtures.contains), place + 1 < parts.count else {
                total = total.addingReportingOverflow(tensor.elementCount).partialValue
                continue
            }
            hasExperts = true
            if parts[place + 1].utf8.allSatisfy({ (48...57).contains($0) }) {
                let block = parts[...place].joined(separator: ".")
                numbered[block, default: ([], 0)].numbers.insert(parts[place + 1])
                numbered[block, default: ([], 0)].elements += tensor.elementCount
            } else {
                total = total.addingReportingOverflow(Self.share(tensor.elementCount, used, of: tensor.shape.first ?? 1)).partialValue
            }
        }
        guard hasExperts else { return nil }
        for block in numbered.values {
            total = total.addingReportingOverflow(Self.share(block.elements, used, of: block.numbers.count)).partialValue
        }
        count = total
    }

    private static func share(_ elements: Int, _ used: Int, of count: Int) -> Int {
        count <= used ? elements : elements / max(count, 1) * used
    }

    private static func used(_ configuration: ByteRegion) -> Int? {
        guard configuration.count <= 1 << 24 else { return nil }
        for name in ["num_experts_per_tok", "num_experts_per_token", "moe_top_k", "experts_per_token", "top_k_experts"] {
            if case .integer(let count)? = configuration.withUnsafeBytes({ JSONCursor.member(name, of: $0) }), count > 0 { return count }
        }
        return nil
    }
}
