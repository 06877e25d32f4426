import Auditing
import Checkpoints
import Text

/// What an audit would do, without doing it.
struct FoundList {
    enum Action: String {
        /// The checkpoint would be worked on.
        case work
        /// Its row is known.
        case known
        /// The directory cannot be read.
        case unreadable
    }

    private struct Row: Encodable {
        let schema = "modinspect.audit-list/1"
        let path: String
        let action: String
        let opened: String
        let base: String?
        let size: Int
        let modified: Int
        let files: [String]
    }

    private let rows: [Row]

    init(_ found: CheckpointDiscovery.Result, known: KnownRows?) {
        let checkpoints = found.checkpoints.map { ($0, known?.isKnown($0) == true ? Action.known : .work) }
        let unreadable = found.unreadable.map { ($0.place, Action.unreadable) }
        rows = (checkpoints + unreadable).sorted { $0.0.name.precedesNaturally($1.0.name) }.map { found, action in
            Row(
                path: found.name, action: action.rawValue, opened: found.path, base: found.base, size: found.size, modified: found.modified,
                files: found.files.map(\.path))
        }
    }

    func write(_ format: AuditFormat, to stream: ResultStream) throws {
        switch format {
        case .tsv:
            try stream.write(TSV.row(["path", "action", "size", "files", "opened", "base"]))
            for row in rows {
                try stream.write(
                    TSV.row([row.path, row.action, "\(row.size)", "\(row.files.count)", row.opened, row.base ?? ""]))
            }
        case .jsonl: for row in rows { try ReportEncoder.write(row, isIndented: false, to: stream) }
        case .text, .junit, .html, .svg:
            var table = TextTable([("path", .left), ("size", .right), ("files", .right), ("action", .left)])
            for row in rows { table.add([row.path.singleLine, ByteText.size(row.size), "\(row.files.count)", row.action]) }
            try stream.write(table.text(indent: 0))
        }
        try stream.finish()
    }
}
