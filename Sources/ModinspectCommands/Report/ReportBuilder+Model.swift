import Checkpoints
import Pages
import Pictures
import Text

extension ReportBuilder {
    /// What the checkpoint is, and what is wrong with it.
    func modelBlocks() throws -> [PageBlock] {
        let total = checkpoint.tensors.reduce(0) { $0 &+ $1.storedByteCount }
        let progress = options.output.progressBar("info", total: total, unit: "bytes")
        defer { progress.finish() }
        let scored =
            options.layers.patterns.isEmpty ? catalog.defaultLayers : try catalog.layers(matching: options.layers.patterns, path: path)
        let info = try CheckpointInfo(
            checkpoint, catalog: catalog, scored: scored, isDefault: options.layers.patterns.isEmpty,
            architecture: options.architecture.architecture, sha256: sha256, base: base, scan: PickleScan(of: checkpoint),
            countsValues: true, progress: progress)
        progress.finish()
        var blocks: [PageBlock] = [.facts(facts(info))]
        let findings = findings(info)
        for finding in findings { blocks.append(.notice(finding)) }
        if findings.isEmpty { blocks.append(.paragraph(["All weights are finite, and loading the file would execute no code."])) }
        blocks.append(.folded(PageTable("Tensors", TensorInfo.columns.filter { $0.isInTables && $0.name != "layers" }, info.tensors)))
        blocks.append(.commands([commands.info]))
        summary.append([
            "It is a model of ", .plain(ByteText.counted(info.parameters, "parameter")), " in ",
            .plain(ByteText.counted(info.tensors.count, "tensor")), ", family ", .name(info.family), ".",
        ])
        summary += findings
        return blocks
    }

    private func facts(_ info: CheckpointInfo) -> [(name: String, text: [PageText])] {
        var facts: [(name: String, text: [PageText])] = []
        func fact(_ name: String, _ text: [PageText]) { facts.append((name, text)) }
        let family =
            switch info.familySource {
            case .configuration: ", by its configuration"
            case .names: ", by the tensors' names"
            case .shapes: info.family == "chain" ? ", by the tensors' shapes" : ""
            }
        fact("family", [.name(info.family), .plain(family)])
        if let adapter = info.adapter { fact("adapter", [.name(adapter.text.singleLine)]) }
        fact(
            "parameters",
            [
                .plain(
                    "\(ByteText.grouped(info.parameters)) in \(ByteText.counted(info.tensors.count, "tensor")), \(ByteText.size(info.bytes))"
                        + (info.activeParameters.map { "; \(ByteText.grouped($0)) for each token" } ?? ""))
            ])
        let dtypes = info.tensors.map { $0.encoding ?? $0.dtype }
        let counts = Dictionary(grouping: dtypes, by: { $0 }).mapValues(\.count).sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        fact("stored as", [.plain(counts.map { "\($0.key) (\(ByteText.counted($0.value, "tensor")))" }.listed(atMost: 5).singleLine)])
        fact("container", [.plain(info.container)])
        if let member = info.member { fact("member", [.name(member)]) }
        if let key = info.key, !key.isEmpty { fact("key", [.name(key)]) }
        if let training = info.training { fact("training", [.plain(training.text)]) }
        let layers = info.tensors.filter(\.scored).map(\.name)
        fact("scored layers", [.name(layers.isEmpty ? "none" : layers.listed(atMost: 6).singleLine)])
        if let problem = info.runProblem {
            fact("runs", ["no: ", .name(problem)])
        } else {
            fact(
                "runs",
                ["as ", .name((info.runsAs ?? info.family).singleLine)]
                    + (info.architectureSource == "assumed" ? [", which is assumed"] : []))
        }
        return facts
    }

    /// What a reader should know before trusting any number.
    private func findings(_ info: CheckpointInfo) -> [[PageText]] {
        var findings: [[PageText]] = []
        let spoilt = info.tensors.filter { ($0.nan ?? 0) + ($0.infinite ?? 0) > 0 }
        if !spoilt.isEmpty {
            let (nan, infinite) = spoilt.reduce((0, 0)) { ($0.0 + ($1.nan ?? 0), $0.1 + ($1.infinite ?? 0)) }
            findings.append([
                .plain("Not all weights are finite: \(ByteText.grouped(nan)) NaN and \(ByteText.grouped(infinite)) infinite in "),
                .name(spoilt.map(\.name).listed(atMost: 4).singleLine), ".",
            ])
        }
        if !info.unreadable.isEmpty {
            findings.append([
                .plain(ByteText.counted(info.unreadable.count, "tensor") + " cannot be read: "),
                .name(info.unreadable.map { "\($0.tensor): \($0.reason)" }.listed(atMost: 3).singleLine), ".",
            ])
        }
        if !info.foreignGlobals.isEmpty {
            findings.append([
                "Loading its pickles in Python would import or call ", .name(info.foreignGlobals.listed(atMost: 6).singleLine),
                "; nothing was executed here.",
            ])
        }
        if let first = info.unscanned.first {
            findings.append(["Not searched for pickles to the end: ", .name((first.member + " " + first.reason).singleLine), "."])
        }
        for assumption in info.assumptions { findings.append([.name(assumption.singleLine)]) }
        return findings
    }
}

extension PageTable {
    /// A table of a result's columns, in their order, with the names that tsv has.
    init<Row>(_ title: String, _ columns: [Column<Row>], _ rows: [Row]) {
        self.init(title: title, columns: columns.map(\.name), rows: rows.map { row in columns.map { Cell($0.value(of: row)) } })
    }
}

extension PageTable.Cell {
    init(_ value: ColumnValue) {
        switch value {
        case .whole(let number?): self = .number(String(number), value: String(number))
        case .number(let number): self = .number(number.map(NumberText.rounded) ?? "-", value: value.tsv)
        case .text(let text?): self = .name(text.singleLine)
        case .whole, .text, .flag, .wholes, .shape, .json: self = .text(value.text)
        }
    }

    /// A share or a score.
    init(_ number: Double?) { self.init(ColumnValue.number(number)) }
    init(_ number: Int) { self.init(ColumnValue.whole(number)) }
}
