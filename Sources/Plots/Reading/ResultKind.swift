import Text

/// The results that have pictures, and those that are known to have none here.
package enum ResultKind: String, CaseIterable, Sendable {
    case score, cluster, ablate, patch, circuit, edges
    case overlap = "circuit-overlap"
    case compare, series, eval, finetune, audit

    /// The version of the format that is read.
    var version: Int {
        switch self {
        case .cluster, .patch, .circuit, .edges, .series, .eval, .finetune, .audit: 1
        case .score, .ablate, .overlap, .compare: 2
        }
    }

    /// As results begin: `modinspect.score/2`.
    package var schema: String { "modinspect.\(rawValue)/\(version)" }

    static let expectation = "a result of score, cluster, ablate, patch, circuit, compare, eval or audit, or the log of finetune"

    /// The kind of the result that a schema names.
    init(schema: String) throws {
        let name = schema.prefix { $0 != "/" }
        guard name.hasPrefix("modinspect."), let kind = ResultKind(rawValue: String(name.dropFirst("modinspect.".count))) else {
            throw Problem("has no picture", expected: Self.expectation, found: "schema " + schema.quotedInMessage)
        }
        guard kind.schema == schema else {
            throw Problem("is a result of another version", expected: kind.schema, found: schema.quotedInMessage)
        }
        self = kind
    }

    /// The kind of result that has these columns in tsv.
    init(header: ResultRow.Header) throws {
        func has(_ columns: String...) -> Bool { columns.allSatisfy { header[$0] != nil } }
        if has("path", "status", "reason", "weights_sha256", "clusterability") {
            self = .audit
        } else if has("layer", "k", "clusterability", "chance", "adjusted") {
            self = .score
        } else if has("layer", "side", "index", "cluster") {
            self = .cluster
        } else if has("layer", "intervention", "cluster", "accuracy") || has("layer", "intervention", "clusters", "answers") {
            self = .ablate
        } else if has("direction", "site", "unit", "index", "position") {
            self = .patch
        } else if has("label", "kept", "weights", "size") {
            self = .circuit
        } else if has("source", "target", "score", "kept") {
            self = .edges
        } else if has("a", "b", "shared", "union", "overlap") {
            self = .overlap
        } else if has("layer", "a_k", "b_k") || has("layer", "side", "ari", "a_sizes", "b_sizes") {
            self = .compare
        } else if has("checkpoint", "layer", "previous_out_ari", "last_out_ari") {
            self = .series
        } else if has("label", "count", "correct", "accuracy") {
            self = .eval
        } else {
            let names = header.sorted { $0.value < $1.value }.map(\.key)
            let isText = names.allSatisfy { $0.unicodeScalars.allSatisfy { !$0.breaksLine && $0 != "\u{FFFD}" } }
            throw Problem(
                "has no picture", expected: "json, jsonl or tsv: " + Self.expectation,
                found: isText ? "a first line " + names.listed(atMost: 4).quotedInMessage : "bytes that are no text")
        }
    }
}
