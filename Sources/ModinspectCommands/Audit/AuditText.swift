import Auditing
import Modularity
import Text

extension AuditReport {
    /// The summary: counts, the distribution of the measure, the best and the worst, what failed and what changed.
    func text(width: Int = TextWidth.columns) -> String {
        let summary = AuditSummary(rows, measure: settings.measure)
        return AuditText(report: self, summary: summary, width: width).text
    }
}

/// The parts of a summary as text.
private struct AuditText {
    let report: AuditReport
    let summary: AuditSummary
    let width: Int

    /// The rows at either end, the failures, the changes and the breaches that are listed.
    private static let mostListed = 10
    private static let padding = 13

    var text: String { [head, distribution, ranking, failures, changes, breaches].filter { !$0.isEmpty }.joined(separator: "\n") }

    private func line(_ label: String, _ value: String) -> String {
        LabelledLine.text(label, value, padding: Self.padding, width: width)
    }

    private static func list(_ counts: [AuditSummary.Count], atMost limit: Int = 12) -> String {
        counts.map { "\($0.name) \(ByteText.grouped($0.count))" }.listed(atMost: limit)
    }

    private var measureName: String { summary.measure.rawValue }

    private var head: String {
        var text = ByteText.counted(summary.total, "checkpoint") + "\n"
        if !summary.statuses.isEmpty { text += line("status", Self.list(summary.statuses)) }
        if !summary.families.isEmpty { text += line("families", Self.list(summary.families)) }
        if !summary.findings.isEmpty { text += line("findings", Self.list(summary.findings)) }
        if summary.repeated > 0 {
            text += line("same weights", "\(ByteText.counted(summary.repeated, "checkpoint")) with the weights of another")
        }
        if summary.tested > 0 {
            text += line(
                "null model",
                "\(ByteText.grouped(summary.significant)) of \(ByteText.counted(summary.tested, "layer")) more modular than noise (q at most \(ByteText.shortest(AuditSummary.significance)))"
            )
        }
        if let comparison = report.comparison {
            text += line(
                "baseline",
                AuditComparison.Change.allCases.map { "\(ByteText.grouped(comparison[$0])) \($0.rawValue)" }.joined(separator: ", "))
        }
        return text
    }

    // MARK: - The measure

    private var distribution: String {
        let bins = summary.histogram()
        guard let most = bins.map(\.count).max() else { return "" }
        let counts = Set(report.rows.compactMap { $0.results.first?.k })
        let k = counts.count == 1 ? counts.first.map { ", k = \($0)" } ?? "" : ""
        var text = "\(measureName), mean over the layers\(k)"
        text += "\n"
        let digits = Self.digits(bins)
        let labels = bins.map { bin in
            bins.count == 1
                ? ByteText.rounded(bin.low) : ByteText.fixed(bin.low, digits: digits) + " to " + ByteText.fixed(bin.high, digits: digits)
        }
        let numbers = bins.map { ByteText.grouped($0.count) }
        let labelWidth = (labels.map(\.count) + (summary.undefined > 0 ? [9] : [])).max() ?? 0
        let numberWidth = numbers.map(\.count).max() ?? 0
        let room = max(8, min(40, width - 6 - labelWidth - numberWidth))
        for ((bin, label), number) in zip(zip(bins, labels), numbers) {
            // What is there is seen, however little it is.
            let length = bin.count == 0 ? 0 : max(1, Int((Double(bin.count) / Double(most) * Double(room)).rounded()))
            let bar = String(repeating: "#", count: length)
            text += "  " + Self.padded(label, labelWidth) + "  " + Self.padded(number, numberWidth) + (bar.isEmpty ? "" : "  " + bar) + "\n"
        }
        if summary.undefined > 0 {
            text +=
                "  " + Self.padded("undefined", labelWidth) + "  " + Self.padded(ByteText.grouped(summary.undefined), numberWidth) + "\n"
        }
        return text
    }

    /// The decimals that tell the borders of bars apart.
    private static func digits(_ bins: [AuditSummary.Bin]) -> Int {
        guard let bin = bins.first, bin.high > bin.low else { return 4 }
        var (digits, width) = (0, bin.high - bin.low)
        while width < 0.999, digits < 12 {
            width *= 10
            digits += 1
        }
        return digits
    }

    private static func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

    private var ranking: String {
        let ranked = summary.ranked
        guard !ranked.isEmpty else { return "" }
        let rows = Dictionary(report.rows.map { (ExactText($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        if ranked.count <= 2 * Self.mostListed { return table("best first", ranked, rows) }
        return table("best", Array(ranked.prefix(Self.mostListed)), rows) + "\n"
            + table("worst", ranked.suffix(Self.mostListed).reversed(), rows)
    }

    private func table(_ title: String, _ ranked: [AuditSummary.Ranked], _ rows: [ExactText: AuditRow]) -> String {
        let hasNull = report.settings.nullSamples > 0
        var columns: [(String, TextTable.Alignment)] = [("path", .left), (measureName, .right)]
        if hasNull { columns += [("z", .right), ("q", .right)] }
        columns += [("family", .left), ("findings", .left)]
        var table = TextTable(columns)
        for entry in ranked {
            let row = rows[ExactText(entry.name)]
            var fields = [entry.name, ByteText.rounded(entry.value)]
            if hasNull {
                let null = row?.results.first?.mean.null
                fields += [null?.z, null?.q].map { $0.map(ByteText.rounded) ?? "-" }
            }
            let kinds = Finding.Kind.allCases.filter { kind in row?.findings.contains { $0.kind == kind } ?? false }
            table.add(fields + [row?.model?.family ?? "-", kinds.map(\.rawValue).listed(atMost: 3)])
        }
        return title + "\n" + table.text(indent: 2, width: width)
    }

    // MARK: - What is not as it should be

    private var failures: String {
        let failed = report.rows.filter { $0.status != .ok }
        guard !failed.isEmpty else { return "" }
        var text = "not ok\n"
        for row in failed.prefix(Self.mostListed) {
            text += entry(row.name, "\(row.status.rawValue): \(row.reason ?? "for an unknown reason")")
        }
        guard failed.count > Self.mostListed else { return text }
        text += "  and \(ByteText.grouped(failed.count - Self.mostListed)) more; all by their reasons:\n"
        for reason in summary.reasons.prefix(Self.mostListed) {
            text += LabelledLine.text(ByteText.grouped(reason.count), reason.name.shortened(to: 500), padding: 8, width: width)
        }
        if summary.reasons.count > Self.mostListed {
            text += "  and \(ByteText.grouped(summary.reasons.count - Self.mostListed)) other reasons\n"
        }
        return text
    }

    private var changes: String {
        guard let comparison = report.comparison else { return "" }
        let changed = comparison.entries.filter { $0.change != .unchanged }
        guard !changed.isEmpty else { return "" }
        var text = "since the baseline\n"
        for found in changed.prefix(Self.mostListed) {
            let differences = Measure.allCases.compactMap { measure in
                comparison.difference(of: measure, found.name).map { "\(measure.rawValue) \($0 < 0 ? "" : "+")\(ByteText.rounded($0))" }
            }
            text += entry(found.name, ([found.change.rawValue] + (found.change == .changed ? differences : [])).joined(separator: ", "))
        }
        if changed.count > Self.mostListed { text += "  and \(ByteText.grouped(changed.count - Self.mostListed)) more\n" }
        return text
    }

    private var breaches: String {
        guard !report.breaches.isEmpty else { return "" }
        var text = "conditions that hold\n"
        for breach in report.breaches.prefix(Self.mostListed) { text += entry(breach.name, "\(breach.condition): \(breach.found)") }
        if report.breaches.count > Self.mostListed { text += "  and \(ByteText.grouped(report.breaches.count - Self.mostListed)) more\n" }
        return text
    }

    /// A name on its line and what is said of it below.
    private func entry(_ name: String, _ words: String) -> String {
        "  " + TextWidth.cut(name.singleLine, to: width - 2) + "\n"
            + LabelledLine.text("", words.shortened(to: 500), padding: 2, width: width)
    }
}
