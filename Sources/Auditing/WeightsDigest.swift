import Checkpoints
import Datasets

/// A digest of a model's weights that does not depend on the container.
///
/// It is the SHA-256 of one line for each tensor, sorted byte by byte: name, shape and the SHA-256 of the numbers
/// (``TensorReading/digest``), with a tab between them and a line end after each. The name is the tensor's without the prefixes of training
/// wrappers and base models, unless two tensors would then have the same. Lengths of 1 are left out of the shape. Because some formats
/// store tied weights once and some twice, embedding tables and output matrices have no name, and equal lines count once. Causal masks and
/// fixed tables are left out.
///
/// So the order of the tensors, the container, its compression, shards, metadata and a wider type with the same values change nothing.
/// Rounding to another type, other names, a transposed matrix and any other value do.
struct WeightsDigest {
    private struct Entry {
        let name: TensorName
        let isTable: Bool
        let shape: [Int]
        let digest: String
    }

    private var entries: [Entry] = []

    /// The names of output matrices, without prefixes.
    static let outputNames: Set<String> = ["lm_head.weight", "embed_out.weight", "output.weight", "output_projection.weight"]

    /// Whether savers may leave the tensor out, or store it a second time, because it is the embedding and the output matrix in one.
    static func isTable(_ name: TensorName, _ reason: LeftOut?) -> Bool {
        reason == .embedding || outputNames.contains(String(name.bare))
    }

    /// Whether the tensor is a mask or a table that is not learned. Old files of GPT-2 have square masks that are called bias.
    private static func isFixed(_ name: TensorName, _ reason: LeftOut?, _ shape: [Int]) -> Bool {
        switch reason {
        case .mask, .table: return true
        case .bias:
            let lengths = shape.filter { $0 != 1 }
            return name.last == "bias" && lengths.count == 2 && lengths[0] == lengths[1]
        default: return false
        }
    }

    /// Adds a tensor; masks and tables that are not learned are ignored.
    ///
    /// - Parameters:
    ///   - reason: why the tensor is no layer, judging by its name and shape.
    ///   - digest: of its numbers.
    mutating func add(_ name: String, reason: LeftOut?, shape: [Int], digest: String) {
        let name = TensorName(name)
        guard !Self.isFixed(name, reason, shape) else { return }
        entries.append(Entry(name: name, isTable: Self.isTable(name, reason), shape: shape.filter { $0 != 1 }, digest: digest))
    }

    /// The digest in hexadecimal.
    var hexadecimal: String {
        var bare: [Substring: Int] = [:]
        for entry in entries { bare[entry.name.bare, default: 0] += 1 }
        let lines = Set(
            entries.map { entry in
                let name = entry.isTable ? "" : bare[entry.name.bare] == 1 ? String(entry.name.bare) : entry.name.full
                return name + "\t" + entry.shape.map(String.init).joined(separator: "x") + "\t" + entry.digest + "\n"
            })
        var digest = ContentDigest()
        for line in lines.map({ Array($0.utf8) }).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            line.withUnsafeBytes { digest.update($0) }
        }
        return digest.hexadecimal
    }
}
