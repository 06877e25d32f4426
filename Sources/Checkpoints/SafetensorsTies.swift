import Archives
import Glibc

/// What a safetensors file says of tensors that are one under several names. The format has no two names for the same bytes, so the free text
/// of the header gives the name that is kept by each of the others.
///
/// Source: `save_model` of safetensors.torch, which leaves the others out. Files written here hold them too, so that a state dict is complete.
struct SafetensorsTies {
    /// The name that is kept by the other name.
    private let kept: [String: String]

    init(_ metadata: [String: String]) {
        kept = metadata.filter { $0.key != "format" && $0.key != $0.value && metadata[$0.value] == nil }
    }

    /// Makes tensors of one content one tensor under several names, and adds those that the file leaves out. A tensor that was changed since is
    /// a tensor of its own.
    func apply(to tensors: inout [TensorRecord]) {
        guard !kept.isEmpty else { return }
        let places = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (other, name) in kept.sorted(by: { $0.key < $1.key }) {
            guard let source = places[name].map({ tensors[$0] }) else { continue }
            guard let place = places[other] else {
                tensors.append(source.secondNamed(other))
                continue
            }
            if Self.areEqual(source, tensors[place]) { tensors[place] = source.secondNamed(other) }
        }
    }

    private static func areEqual(_ a: TensorRecord, _ b: TensorRecord) -> Bool {
        guard a.dtype == b.dtype, a.shape == b.shape, a.bytes.count == b.bytes.count else { return false }
        let result = a.bytes.withUnsafeBytes { first in
            b.bytes.withUnsafeBytes { second in
                guard let first = first.baseAddress, let second = second.baseAddress else { return true }
                return memcmp(first, second, a.bytes.count) == 0
            }
        }
        a.bytes.discardPages()
        b.bytes.discardPages()
        return result
    }

    /// The free text of a header for tensors that are one under several names, the kept name first.
    static func metadata(_ groups: [[String]]) -> [String: String] {
        Dictionary(
            groups.flatMap { names in names.dropFirst().filter { $0 != "format" }.map { ($0, names[0]) } },
            uniquingKeysWith: { first, _ in first })
    }
}
