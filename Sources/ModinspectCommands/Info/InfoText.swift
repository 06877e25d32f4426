import Archives
import Checkpoints
import Text

/// The report of `info` as text and as rows.
enum InfoText {
    static var header: String { TensorInfo.columns.header(after: ["checkpoint"], before: ["key", "status"]) }

    /// One row a tensor of each model.
    static func writeRows(_ models: [CheckpointInfo], to stream: ResultStream) throws {
        for model in models { try writeRows(model, to: stream) }
    }

    private static func writeRows(_ info: CheckpointInfo, to stream: ResultStream) throws {
        for tensor in info.tensors {
            try stream.write(TensorInfo.columns.tsv(tensor, after: [info.path], before: [info.key ?? "", CheckpointStatus.ok.rawValue]))
        }
        for tensor in info.unreadable { try stream.write(row(tensor, of: info)) }
    }

    /// The row of a tensor that cannot be read: its name, type and shape, and a status of its own.
    private static func row(_ tensor: UnreadableInfo, of info: CheckpointInfo) -> String {
        let known = ["tensor": tensor.tensor, "dtype": tensor.dtype ?? "-", "shape": tensor.shape.map(shape) ?? "-", "scored": "0"]
        return TSV.row([info.path] + TensorInfo.columns.filter(\.isInTables).map { known[$0.name] ?? "" } + [info.key ?? "", "unreadable"])
    }

    /// The row of a checkpoint that could not be read.
    static func row(_ failure: FailedCheckpoint) -> String {
        TSV.row(failure, columns: TensorInfo.columns.count(where: \.isInTables) + 3)
    }

    /// Writes the models of one file, one after the other.
    static func write(_ models: [CheckpointInfo], to stream: ResultStream) throws {
        for (place, info) in models.enumerated() {
            if place > 0 { try stream.write("\n") }
            try write(info, to: stream)
        }
    }

    private static func write(_ info: CheckpointInfo, to stream: ResultStream) throws {
        try stream.write(head(info))
        let hasSpecial = info.tensors.contains { $0.special ?? 0 > 0 }
        let hidden = ["layers", "left_out"] + (hasSpecial ? [] : ["nan", "infinite"])
        let columns = TensorInfo.columns.filter { !hidden.contains($0.name) }
        if !info.tensors.isEmpty { try columns.table(info.tensors).write(indent: 2) { try stream.write($0) } }
        try stream.write(unreadable(info))
        try stream.write(names(info))
        try stream.write(sites(info))
    }

    /// The names that a GGUF file has for the tensors, blocks that differ in a number alone in one line.
    private static func names(_ info: CheckpointInfo) -> String {
        var groups: [(own: SitePattern, file: SitePattern)] = []
        var places: [String: Int] = [:]
        for tensor in info.tensors {
            guard let file = tensor.nameInFile else { continue }
            let pair = (own: SitePattern(tensor.name), file: SitePattern(file))
            let key = pair.own.key + "\0" + pair.file.key
            if let place = places[key] {
                groups[place].own.extend(to: pair.own)
                groups[place].file.extend(to: pair.file)
            } else {
                places[key] = groups.count
                groups.append(pair)
            }
        }
        guard !groups.isEmpty else { return "" }
        var table = TextTable([("tensor", .left), ("in the GGUF file", .left)])
        for group in groups { table.add([group.own.text, group.file.text]) }
        return "\n" + table.text(indent: 2)
    }

    /// What is said of the checkpoint as a whole.
    private static func head(_ info: CheckpointInfo) -> String {
        var text = info.path.pathLine + "\n"
        func line(_ label: String, _ value: String) {
            text += LabelledLine.text(label, value, padding: 12)
        }
        line("container", info.container)
        if let member = info.member { line("member", member) }
        if let key = info.key, !key.isEmpty { line("key", key) }
        if let adapter = info.adapter {
            line("adapter", adapter.text)
            line("base", info.base?.path ?? adapter.baseModel.map { "not given, '\($0)'" } ?? "not given")
            if let problem = adapter.problem { line("not read", problem) }
        }
        line("family", family(info))
        line(
            "parameters",
            "\(ByteText.grouped(info.parameters)) in \(info.tensors.count) \(info.tensors.count == 1 ? "tensor" : "tensors"), \(ByteText.size(info.bytes))"
                + (info.unreadable.isEmpty ? "" : "; \(ByteText.counted(info.unreadable.count, "tensor")) cannot be read")
        )
        for (encoding, count) in encodings(info) { line("encoding", "\(encoding) (\(count) \(count == 1 ? "tensor" : "tensors"))") }
        if info.tensors.contains(where: { $0.special == nil }) {
            line("not finite", "not counted, which reads every weight; --check-values counts NaN and infinite weights")
        }
        if let active = info.activeParameters { line("active", ByteText.grouped(active) + " for each token") }
        if let training = info.training { line("training", training.text) }
        if !info.metadata.isEmpty { line("metadata", metadata(info.metadata)) }
        let leftOut = Dictionary(grouping: info.tensors.compactMap(\.leftOut), by: { $0 })
        let reasons = LeftOut.allCases.filter { ![.vector, .tied].contains($0) }.compactMap { reason in
            leftOut[reason].map { reason.counted($0.count) }
        }
        if !reasons.isEmpty { line("left out", reasons.joined(separator: ", ")) }
        if !info.globals.isEmpty { line("globals", globals(info)) }
        for part in info.trailing {
            line("not read", ByteText.counted(part.bytes, "byte") + " behind the last pickle" + (part.member.map { " of '\($0)'" } ?? ""))
        }
        for assumption in info.assumptions { line("assumed", assumption) }
        for group in info.tied { line("tied", group.joined(separator: " = ")) }
        line("runs", info.runProblem.map { "no: " + $0 } ?? "as \(info.runsAs ?? info.family)")
        return text + "\n"
    }

    private static func unreadable(_ info: CheckpointInfo) -> String {
        guard !info.unreadable.isEmpty else { return "" }
        var table = TextTable([("cannot be read", .left), ("dtype", .left), ("shape", .left), ("reason", .left)])
        for tensor in info.unreadable {
            table.add([tensor.tensor, tensor.dtype ?? "-", tensor.shape.map(shape) ?? "-", tensor.reason])
        }
        return (info.tensors.isEmpty ? "" : "\n") + table.text(indent: 2)
    }

    /// The first values; JSON has all of them.
    private static func metadata(_ metadata: [MetadataInfo]) -> String {
        let shown = metadata.lazy.compactMap(\.line).prefix(4)
        let rest = metadata.count - shown.count
        return shown.joined(separator: "; ") + (rest == 0 ? "" : shown.isEmpty ? "\(rest) entries" : "; and \(rest) more")
    }

    /// How many names a loader would import, and the first of those that tensors do not need.
    private static func globals(_ info: CheckpointInfo) -> String {
        let foreign = info.globals.filter(\.foreign)
        func names(_ globals: [GlobalInfo]) -> String { globals.map { $0.global + ($0.member.map { " (\($0))" } ?? "") }.listed() }
        let script = info.globals.filter(\.script)
        return ByteText.counted(info.globals.count, "name") + " in pickles, "
            + (foreign.isEmpty
                ? "those that tensors and plain data need" : "\(foreign.count) beyond tensors and plain data: \(names(foreign))")
            + (script.isEmpty ? "" : "; \(script.count) of the archive's own TorchScript: \(names(script))")
    }

    /// The encodings of quantised weights, and how many weights have each, in the order of the first of each.
    private static func encodings(_ info: CheckpointInfo) -> [(encoding: String, count: Int)] {
        var counts: [(encoding: String, count: Int)] = []
        for encoding in info.tensors.compactMap(\.encoding) {
            if let place = counts.firstIndex(where: { $0.encoding == encoding }) {
                counts[place].count += 1
            } else {
                counts.append((encoding, 1))
            }
        }
        return counts
    }

    /// The sites, blocks that differ in a number alone in one line: `blocks.0-11.hook_mlp_out`.
    private static func sites(_ info: CheckpointInfo) -> String {
        guard !info.sites.isEmpty else { return "" }
        var groups: [(site: SitePattern, info: SiteInfo)] = []
        var places: [String: Int] = [:]
        for site in info.sites {
            let pattern = SitePattern(site.site)
            let key = "\(pattern.key) \(site.operation) \(site.neurons)"
            if let place = places[key] {
                groups[place].site.extend(to: pattern)
            } else {
                places[key] = groups.count
                groups.append((pattern, site))
            }
        }
        var table = TextTable([("site", .left), ("operation", .left), ("neurons", .right)])
        for group in groups { table.add([group.site.text, group.info.operation, "\(group.info.neurons)"]) }
        return "\n" + table.text(indent: 2)
    }

    /// `48x64`.
    static func shape(_ shape: [Int]) -> String {
        ColumnValue.shape(shape).tsv
    }

    private static func family(_ info: CheckpointInfo) -> String {
        switch info.familySource {
        case .configuration: "\(info.family), by its configuration"
        case .names: "\(info.family), by the tensors' names"
        case .shapes: info.family == "chain" ? "chain, by the tensors' shapes" : info.family
        }
    }
}

/// A site's name with its first number as a range.
private struct SitePattern {
    private let head: String
    private let tail: String
    private var numbers: ClosedRange<Int>?

    init(_ site: String) {
        let parts = site.split(separator: ".", omittingEmptySubsequences: false)
        // `0` of a chain's modules stays: only what stands inside a name counts blocks.
        if let place = parts.indices.dropFirst().first(where: { Int(parts[$0]) != nil && $0 < parts.count - 1 }),
            let number = Int(parts[place])
        {
            head = parts[..<place].joined(separator: ".")
            tail = parts[(place + 1)...].joined(separator: ".")
            numbers = number...number
        } else {
            head = site
            tail = ""
            numbers = nil
        }
    }

    var key: String { numbers == nil ? head : "\(head).*.\(tail)" }

    mutating func extend(to other: SitePattern) {
        guard let mine = numbers, let theirs = other.numbers else { return }
        numbers = min(mine.lowerBound, theirs.lowerBound)...max(mine.upperBound, theirs.upperBound)
    }

    var text: String {
        guard let numbers else { return head }
        let range = numbers.count == 1 ? "\(numbers.lowerBound)" : "\(numbers.lowerBound)-\(numbers.upperBound)"
        return "\(head).\(range).\(tail)"
    }
}
