/// What patches do to the metrics of pairs.
struct PatchResult: DrawnResult {
    struct Row: Sendable {
        var direction: String
        var site: String
        var unit: String
        var index: Int?
        var position: Int?
        var moved: Bool
        /// The normalised effect by metric.
        var normalized: [String: Double]
    }

    var head = ResultHead()
    var pairs: Int?
    /// The names of the metrics, in their order.
    var metrics: [String] = []
    var rows: [Row] = []

    mutating func add(_ record: ResultRow) {
        if record.has("schema") { head = ResultHead(record) }
        pairs = pairs ?? record.whole("pairs")
        guard record.hasList("patches") else { return addRow(record) }
        for metric in record.rows("metrics") { note(metric.text("metric")) }
        for row in record.rows("patches") { addRow(row) }
    }

    private mutating func note(_ metric: String?) {
        if let metric, !metrics.contains(metric) { metrics.append(metric) }
    }

    private mutating func addRow(_ row: ResultRow) {
        var normalized: [String: Double] = [:]
        if row.hasList("measures") {
            for measure in row.rows("measures") {
                guard let name = measure.text("metric") else { continue }
                note(name)
                normalized[name] = measure.number("normalized")
            }
        } else {
            for (column, value) in row.columns(behind: "") where column.hasSuffix("_normalized") {
                let name = String(column.dropLast("_normalized".count)).replacing("_", with: "-")
                note(name)
                normalized[name] = value
            }
        }
        guard let site = row.text("site"), let direction = row.text("direction") else { return }
        rows.append(
            Row(
                direction: direction, site: site, unit: row.text("unit") ?? "site", index: row.whole("index"),
                position: row.whole("position"), moved: row.flag("moved") ?? true, normalized: normalized))
    }
}
