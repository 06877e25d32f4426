import Text

/// The tensors of one module, whose names begin with its name: codes, scales and whatever else belongs to a weight.
struct EncodedModule: Sendable {
    /// `model.layers.0.mlp.up_proj`; empty at the top level.
    let name: String
    /// By what follows the module's name: `qweight`, `weight.absmax`.
    let members: [String: TensorRecord]
    var settings: EncodingSettings
    /// The members that the file names and that cannot be read.
    var unreadable: [String: UnreadableTensor] = [:]

    /// Whether the file names a member.
    func names(_ member: String) -> Bool { members[member] != nil || unreadable[member] != nil }

    /// The members that the file names.
    var allNames: [String] { Array(members.keys) + Array(unreadable.keys) }

    subscript(name: String) -> TensorRecord? { members[name] }

    /// The full name of a member.
    func path(_ member: String) -> String { name.isEmpty ? member : name + "." + member }

    /// A member that the weight needs.
    ///
    /// - Parameters:
    ///   - dtypes: those it may have.
    ///   - shape: the one it must have; nil for any.
    /// - Throws: ``Problem`` that names the member, if it is missing or differs.
    func part(_ member: String, _ dtypes: [DType], shape: [Int]? = nil) throws(Problem) -> TensorRecord {
        if let part = unreadable[member] {
            throw Problem(
                "the part '\(path(member))' cannot be read", expected: dtypes.map(\.rawValue).joined(separator: " or "),
                found: part.dtype.map { $0 + (dtypes.contains { dtype in dtype.rawValue == part.dtype } ? ": \(part.reason)" : "") }
                    ?? part.reason)
        }
        guard let record = members[member] else { throw Problem("a part is missing", expected: "'\(path(member))'") }
        guard dtypes.contains(record.dtype) else {
            throw Problem(
                "'\(member)' is of another type", expected: dtypes.map(\.rawValue).joined(separator: " or "), found: record.dtype.rawValue)
        }
        if let shape, record.shape != shape {
            throw Problem("'\(member)' has the wrong shape", expected: "\(shape)", found: "\(record.shape)")
        }
        guard record.elementCount > 0 else { throw Problem("'\(member)' is empty", found: "\(record.shape)") }
        if record.derived == nil, record.strides == nil, !record.isNegated { return record }
        // Scales are small next to their codes: those of a transposed view are brought into order as the file is opened.
        guard record.derived == nil, !record.isNegated, DType.scales.contains(record.dtype),
            record.elementCount <= record.bytes.count / record.dtype.bytesPerBlock
        else { throw Problem("'\(member)' is a view", expected: "contiguous elements") }
        return TensorRecord(
            name: record.name, dtype: record.dtype, shape: record.shape, strides: nil, bytes: record.gathered(), derived: nil)
    }

    /// The group of every column, from the member that lists it; nil if there is no such member or it agrees with the size of the groups.
    func groups(_ member: String, columns: Int, groupSize: Int, count: Int) throws(Problem) -> [Int32]? {
        guard names(member) else { return nil }
        let record = try part(member, [.i32, .i64], shape: [columns])
        let groups = record.doubles()
        guard let wrong = groups.first(where: { !($0 >= 0 && $0 < Double(count)) }) else {
            let isRegular = groups.enumerated().allSatisfy { Double($0 / groupSize) == $1 }
            return isRegular ? nil : groups.map { Int32($0) }
        }
        throw Problem("'\(member)' names no group", expected: "0 to \(count - 1)", found: "\(Int(exactly: wrong) ?? -1)")
    }
}

/// A decoded weight.
struct DecodedWeight {
    let record: TensorRecord
    /// The member whose place in the file's order the weight has.
    let codes: String
    /// The members that belong to it, which are not tensors of the model.
    let parts: [String]

    init(
        _ module: EncodedModule, _ member: String, shape: [Int], codes: String, parts: [String], _ values: any DerivedValues
    ) throws(Problem) {
        record = try TensorRecord(name: module.path(member), shape: shape, values: values)
        self.codes = codes
        self.parts = parts.filter { module[$0] != nil }
    }
}

extension DType {
    /// The types in which scales are stored.
    static let scales: [DType] = [.f32, .f16, .bf16]
}

/// `groups of 128`.
func groupText(_ size: Int, of columns: Int) -> String { size >= columns ? "one group" : "groups of \(size)" }
