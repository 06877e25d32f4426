import Auditing
import Plots

/// The formats of an audit.
enum AuditFormat: String, Choice {
    case text, tsv, jsonl, junit, html, svg

    var documentation: String {
        switch self {
        case .text: "A summary for people to read."
        case .tsv: "A header line, then one row per line, with tabs between the columns."
        case .jsonl: "One line of JSON for each checkpoint."
        case .junit: "XML for build servers: a test case for each checkpoint."
        case .html: "A page with pictures and a table that can be sorted."
        case .svg: "A picture: the distribution of the measure."
        }
    }
}

extension AuditReport {
    /// Writes the report to standard output.
    func write(_ format: AuditFormat, origin: ResultOrigin) throws {
        let stream = ResultStream(try Destination(path: nil))
        switch format {
        case .text: try stream.write(text())
        case .tsv: try stream.write(tsv)
        case .jsonl: try stream.write(origin.lines(rows))
        case .junit: try stream.write(junit)
        case .html: try stream.write(try html())
        case .svg: try stream.write(PlotSheet.svg(try figures()))
        }
        try stream.finish()
    }
}
