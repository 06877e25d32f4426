import Auditing
import Modularity
import Pages
import Text

extension AuditReport {
    /// The result as one HTML file that needs nothing else: pictures, a table that readers sort, and what is known of a checkpoint below its
    /// name when it is asked for.
    ///
    /// - Throws: ``Problem`` if the pictures cannot be drawn.
    func html() throws -> [UInt8] {
        let summary = AuditSummary(rows, measure: settings.measure)
        let table = table
        var sections = [PageSection(id: "pictures", title: "At a glance", blocks: try pictures())]
        sections.append(PageSection(id: "checkpoints", title: "Every checkpoint", blocks: [.sorted(table)]))
        if !breaches.isEmpty {
            let table = PageTable(
                title: "\(ByteText.grouped(breaches.count)) of these", columns: ["path", "condition", "found"],
                rows: breaches.map { [.name($0.name.singleLine), .text($0.condition), .name($0.found.singleLine)] })
            let block = breaches.count > Self.mostUnfolded ? PageBlock.folded(table) : .table(table)
            sections.insert(PageSection(id: "conditions", title: "Conditions that hold", blocks: [block]), at: 0)
        }
        return Page(
            title: "Audit of \(ByteText.counted(rows.count, "checkpoint"))",
            heading: [.plain("Audit of \(ByteText.counted(rows.count, "checkpoint"))")], lead: [.facts(facts(summary))] + warnings(table),
            sections: sections, footer: [.plain("modinspect \(settings.version), seed \(settings.seed)")],
            generator: "modinspect \(settings.version)"
        ).bytes
    }

    private func facts(_ summary: AuditSummary) -> [(name: String, text: [PageText])] {
        func counts(_ counts: [AuditSummary.Count]) -> [PageText] {
            [.plain(counts.map { "\($0.name) \(ByteText.grouped($0.count))" }.listed(atMost: 20))]
        }
        var facts: [(name: String, text: [PageText])] = [("status", counts(summary.statuses))]
        if !summary.families.isEmpty {
            // The counts are those of all checkpoints: what has no family is counted too.
            let known = summary.families.reduce(0) { $0 + $1.count }
            let rest: [PageText] = known < rows.count ? [.plain(", not read \(ByteText.grouped(rows.count - known))")] : []
            facts.append(("families", counts(summary.families) + rest))
        }
        if !summary.findings.isEmpty { facts.append(("findings", counts(summary.findings))) }
        if summary.repeated > 0 {
            facts.append(("same weights", [.plain("\(ByteText.counted(summary.repeated, "checkpoint")) with the weights of another")]))
        }
        if summary.tested > 0 {
            facts.append(
                (
                    "null model",
                    [
                        .plain(
                            "\(ByteText.grouped(summary.significant)) of \(ByteText.counted(summary.tested, "layer")) more modular than noise, "
                                + "with q at most \(ByteText.shortest(AuditSummary.significance))")
                    ]
                ))
        }
        if let comparison {
            let changes = AuditComparison.Change.allCases.map { "\($0.rawValue) \(ByteText.grouped(comparison[$0]))" }
            facts.append(("baseline", [.plain(changes.joined(separator: ", "))]))
        }
        return facts
    }

    /// More lines than this are folded, or left to the table.
    private static let mostUnfolded = 20

    /// What the reader must not miss, with links to the rows of the table.
    private func warnings(_ table: PageSortedTable) -> [PageBlock] {
        var blocks: [PageBlock] = []
        let failed = rows.indices.filter { rows[$0].status != .ok }
        if !failed.isEmpty {
            var text: [PageText] = [
                .strong("✗ \(ByteText.grouped(failed.count)) of \(ByteText.counted(rows.count, "checkpoint")) not examined:"), .plain(" "),
            ]
            for (number, place) in failed.prefix(Self.mostUnfolded).enumerated() {
                let name = rows[place].name.singleLine
                if number > 0 { text.append(.plain(", ")) }
                text.append(table.rowID(place).map { .link(name, id: $0) } ?? .name(name))
                if rows[place].status != .failed { text.append(.plain(" (\(rows[place].status.rawValue))")) }
            }
            if failed.count > Self.mostUnfolded {
                text += [
                    .plain(" and \(ByteText.grouped(failed.count - Self.mostUnfolded)) more; the table can be sorted by "),
                    .link("status", id: "checkpoints"),
                ]
            }
            blocks.append(.notice(text + [.plain(".")]))
        }
        if !breaches.isEmpty {
            let names = Set(breaches.map(\.name)).count
            blocks.append(
                .notice([
                    .strong("✗ A condition of --fail-on holds for \(ByteText.counted(names, "checkpoint")):"), .plain(" "),
                    .link("which ones", id: "conditions"), .plain("."),
                ]))
        }
        return blocks
    }

    private func pictures() throws -> [PageBlock] {
        guard !rows.isEmpty else { return [.paragraph(["There are no checkpoints."])] }
        return try figures().map { .figure(PageFigure($0.drawing(), caption: [.plain(Self.caption(of: $0.name))])) }
    }

    /// What a picture shows, in a sentence below it; the picture itself says by which method.
    private static func caption(of picture: String) -> String {
        switch picture {
        case "audit":
            "The checkpoints by the mean over their layers, as dots or, where they are many, as bars; outliers and both ends are named."
        case "audit-measures": "The same checkpoints by each measure."
        case "audit-families": "The same checkpoints by family, on one scale."
        default: "The checkpoints of one training run, in the order of their steps."
        }
    }

    // MARK: - The table

    private var table: PageSortedTable {
        let hasNull = settings.nullSamples > 0
        let measures = [settings.measure] + Measure.allCases.filter { $0 != settings.measure && ($0 == .clusterability || $0 == .adjusted) }
        let range = layerRange
        let columns =
            ["path", "status"] + (comparison == nil ? [] : ["change"]) + measures.map(\.rawValue) + (range == nil ? [] : ["layers"])
            + (hasNull ? ["z", "q"] : []) + ["family", "parameters", "findings"]
        let detailed = detailedRows
        let broken = Dictionary(grouping: breaches, by: \.name)
        let ends = range.map {
            "; its layers stand by \(settings.measure.rawValue) on a line from \(Self.end($0.lowerBound)) to \(Self.end($0.upperBound))"
        }
        return PageSortedTable(
            title: "A name shows the scores of the layers and what was found\(ends ?? "")", id: "audit", columns: columns,
            rows: rows.enumerated().map { place, row in
                let mean = row.results.first?.mean
                var cells: [PageTable.Cell] = [.name(row.name.singleLine), .text(row.status.rawValue)]
                if let comparison { cells.append(.text(comparison.change(of: row.name)?.rawValue ?? "")) }
                cells += measures.map { Self.number(mean?[$0]) }
                if let range { cells.append(strip(row, range)) }
                if hasNull { cells += [Self.number(mean?.null?.z), Self.number(mean?.null?.q)] }
                cells.append(.text(row.model?.family ?? ""))
                cells.append(row.model.map { .number(ByteText.grouped($0.parameters), value: "\($0.parameters)") } ?? .text(""))
                let kinds = Finding.Kind.allCases.filter { kind in row.findings.contains { $0.kind == kind } }
                cells.append(.text(kinds.map(\.rawValue).joined(separator: ", ")))
                return .init(
                    cells: cells, details: details(row, hasNull: hasNull, isDetailed: detailed.contains(place)),
                    alarm: alarm(row, breaches: broken[row.name] ?? []))
            })
    }

    /// What the reader must not miss of a row: that it was not examined, and the conditions that hold for it.
    private func alarm(_ row: AuditRow, breaches: [FailConditions.Breach]) -> PageSortedTable.Alarm? {
        guard row.status != .ok || !breaches.isEmpty else { return nil }
        let reason: [[PageText]] = row.status == .ok ? [] : row.reason.map { [[.name($0.singleLine)]] } ?? []
        return .init(
            column: 1, isCellMarked: row.status != .ok,
            notes: reason + breaches.map { [.plain("✗ \($0.condition): "), .name($0.found.singleLine)] })
    }

    /// The values of the first number of clusters of a row's layers, as far as they are defined.
    private func layerValues(_ row: AuditRow) -> [Double] {
        row.results.first?.layers.compactMap { $0[settings.measure] }.filter(\.isFinite) ?? []
    }

    /// The line that the layers of all rows stand on: 0 to 1, and further where values lie outside; nil if there are no values.
    private var layerRange: ClosedRange<Double>? {
        var range: ClosedRange<Double>?
        for row in rows {
            for value in layerValues(row) {
                let known = range ?? 0...1
                range = min(known.lowerBound, value)...max(known.upperBound, value)
            }
        }
        return range
    }

    private static func end(_ value: Double) -> String { value == value.rounded() ? ByteText.shortest(value) : ByteText.rounded(value) }

    private func strip(_ row: AuditRow, _ range: ClosedRange<Double>) -> PageTable.Cell {
        let values = layerValues(row)
        guard let least = values.min(), let most = values.max() else { return .text("") }
        let words =
            least == most
            ? "\(ByteText.counted(values.count, "layer")) at \(ByteText.rounded(least))"
            : "\(ByteText.counted(values.count, "layer")) from \(ByteText.rounded(least)) to \(ByteText.rounded(most))"
        return .strip(values, range: range, words: words)
    }

    private static func number(_ value: Double?) -> PageTable.Cell {
        value.map { .number(ByteText.rounded($0), value: ByteText.shortest($0)) } ?? .text("")
    }

    /// The scores and findings that all details of a page have together: a page stays one that a browser opens.
    private static let mostLines = 10_000

    /// The lines that the details of a row have.
    private static func lines(_ row: AuditRow) -> Int {
        row.findings.count + row.results.reduce(0) { $0 + min($1.layers.count, PageTable.mostRows) + 1 }
    }

    /// The rows that have room for their scores and findings, by their places: those that something is said of come first.
    private var detailedRows: Set<Int> {
        let broken = Set(breaches.map(\.name))
        func isNoted(_ row: AuditRow) -> Bool { row.status != .ok || !row.findings.isEmpty || broken.contains(row.name) }
        var room = Self.mostLines
        var detailed: Set<Int> = []
        for place in rows.indices.filter({ isNoted(rows[$0]) }) + rows.indices.filter({ !isNoted(rows[$0]) }) {
            let lines = Self.lines(rows[place])
            guard lines <= room else { continue }
            room -= lines
            detailed.insert(place)
        }
        return detailed
    }

    /// What is known of one checkpoint.
    private func details(_ row: AuditRow, hasNull: Bool, isDetailed: Bool) -> [PageBlock] {
        var facts: [(name: String, text: [PageText])] = []
        if let reason = row.reason { facts.append(("reason", [.name(reason.singleLine)])) }
        if let sameAs = row.sameAs { facts.append(("same weights", [.name(sameAs.singleLine)])) }
        if let base = row.base { facts.append(("base", [.name(base.singleLine)])) }
        if let model = row.model {
            facts.append(("container", [.plain(model.container)]))
            facts.append(("stored as", [.plain((model.dtypes + model.encodings).listed(atMost: 12))]))
            if let step = model.step { facts.append(("step", [.plain(ByteText.grouped(step))])) }
        }
        if let comparison, comparison.change(of: row.name) == .changed {
            let differences = Measure.allCases.compactMap { measure in
                comparison.difference(of: measure, row.name).map { "\(measure.rawValue) \($0 < 0 ? "" : "+")\(ByteText.rounded($0))" }
            }
            if !differences.isEmpty { facts.append(("since the baseline", [.plain(differences.joined(separator: ", "))])) }
        }
        facts.append(("size", [.plain(ByteText.size(row.size))]))
        if let sha256 = row.sha256 { facts.append(("sha256", [.code(sha256)])) }
        if let weights = row.weightsSHA256 { facts.append(("weights", [.code(weights)])) }
        guard isDetailed else {
            return [.facts(facts), .paragraph(["Scores and findings are left out of this large page; the other formats have them."])]
        }
        var blocks: [PageBlock] = [.facts(facts), .list(row.findings.map { [.name($0.line)] })]
        for result in row.results {
            let columns = ["layer", "k"] + Measure.allCases.map(\.rawValue) + (hasNull ? ["z", "p", "q"] : [])
            blocks.append(
                .table(
                    PageTable(
                        title: "Scores of the layers", columns: columns,
                        rows: (result.layers + [result.mean]).map { scores in
                            let k = scores.k.map { PageTable.Cell.number("\($0)", value: "\($0)") } ?? .text("")
                            let null = hasNull ? [scores.null?.z, scores.null?.p, scores.null?.q].map(Self.number) : []
                            return [.name((scores.layer ?? "mean").singleLine), k] + Measure.allCases.map { Self.number(scores[$0]) } + null
                        })))
        }
        return blocks
    }
}
