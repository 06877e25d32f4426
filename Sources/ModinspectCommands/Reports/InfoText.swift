import Archives

/// The report of `info` for eyes, and as rows.
enum InfoText {
    static let header = TSV.row(["checkpoint", "tensor", "dtype", "shape", "bytes", "out", "in", "scored", "nan", "infinite"])

    /// One row a tensor; the shape is written `3x4`, a matrix's sides are empty where a tensor is none.
    static func rows(_ info: CheckpointInfo) -> String {
        info.tensors.map { tensor in
            TSV.row([
                info.path, tensor.name, tensor.dtype, shape(tensor.shape), "\(tensor.bytes)", tensor.out.map(String.init) ?? "",
                tensor.in.map(String.init) ?? "", tensor.scored ? "1" : "0", "\(tensor.nan)", "\(tensor.infinite)",
            ])
        }.joined()
    }

    static func text(_ info: CheckpointInfo) -> String {
        var text = info.path.singleLine + "\n"
        func line(_ label: String, _ value: String) {
            text += "  " + label + String(repeating: " ", count: 12 - label.count) + value.singleLine + "\n"
        }
        line("container", info.container)
        if let member = info.member { line("member", member) }
        if let key = info.key, !key.isEmpty { line("key", key) }
        line("family", family(info))
        line("parameters", "\(ByteText.grouped(info.parameters)) in \(info.tensors.count) \(info.tensors.count == 1 ? "tensor" : "tensors"), \(ByteText.size(info.bytes))")
        for group in info.tied { line("tied", group.joined(separator: " = ")) }
        text += "\n"

        let hasSpecial = info.tensors.contains { $0.nan + $0.infinite > 0 }
        var columns: [(String, TextTable.Alignment)] = [
            ("tensor", .left), ("dtype", .left), ("shape", .left), ("bytes", .right), ("out x in", .left), ("score", .left),
        ]
        if hasSpecial { columns += [("nan", .right), ("inf", .right)] }
        var table = TextTable(columns)
        for tensor in info.tensors {
            var matrix = ""
            if let out = tensor.out, let input = tensor.in { matrix = "\(out) x \(input)" }
            var row = [tensor.name, tensor.dtype, shape(tensor.shape), "\(tensor.bytes)", matrix, tensor.scored ? "yes" : ""]
            if hasSpecial { row += ["\(tensor.nan)", "\(tensor.infinite)"] }
            table.add(row)
        }
        return text + table.text(indent: 2)
    }

    private static func shape(_ shape: [Int]) -> String {
        shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: "x")
    }

    private static func family(_ info: CheckpointInfo) -> String {
        switch info.familySource {
        case "configuration": "\(info.family), by its configuration"
        case "names": "\(info.family), by the tensors' names"
        default: info.family == "chain" ? "chain, by the tensors' shapes" : info.family
        }
    }
}
