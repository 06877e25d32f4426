import Auditing
import Modularity

/// A checkpoint with one number of clusters: a line of tsv.
struct AuditLine {
    let row: AuditRow
    /// nil if the checkpoint was not scored.
    let result: AuditRow.Result?
    /// nil if there is no earlier audit.
    let change: AuditComparison.Change?
    /// The differences to the earlier audit, in the order of ``Measure/allCases``; nil where one is undefined.
    var differences: [Double?] = []

    /// The columns, of which those of the null model and of the comparison are there if they were asked for.
    static func columns(hasNull: Bool, hasBaseline: Bool) -> [Column<AuditLine>] {
        all.filter { (hasNull || $0.path[0] != "null") && (hasBaseline || !isOfBaseline($0)) }
    }

    private static func isOfBaseline(_ column: Column<AuditLine>) -> Bool {
        column.name == "change" || column.name.hasSuffix("_change")
    }

    private static let all: [Column<AuditLine>] = identity + scores + nullModel + differences + findings + facts

    private static let identity: [Column<AuditLine>] = [
        .text("path", "The path from the root of the search.") { $0.row.name },
        .text("status", "What became of the checkpoint; missing if it is gone.") { $0.change == .gone ? nil : $0.row.status.rawValue },
        .text("reason", "Why the status is not ok.") { $0.row.reason },
        .text("change", "What became of it since the earlier audit.") { $0.change?.rawValue },
        .whole("k", "The number of clusters; missing if it differs between layers.") { $0.result?.k },
    ]
    private static let scores: [Column<AuditLine>] = Measure.allCases.map { measure in
        .number(measure.rawValue, measure.documentation) { $0.result?.mean[measure] }
    }
    private static let nullModel: [Column<AuditLine>] = [
        .number("null.mean", "The mean clusterability of the permuted weights.") { $0.result?.mean.null?.mean },
        .number("null.sd", "Its standard deviation.") { $0.result?.mean.null?.sd },
        .number("null.z", "How many of these the score is above the mean.") { $0.result?.mean.null?.z },
        .number("null.p", "The share of permutations that score at least as high.") { $0.result?.mean.null?.p },
        .number("null.q", "The q-value of the mean among the means of all checkpoints.") { $0.result?.mean.null?.q },
    ]
    private static let differences: [Column<AuditLine>] = Measure.allCases.enumerated().map { place, measure in
        .number(measure.rawValue + "Change", "The difference to the earlier audit, new minus old.") { line in
            line.differences.indices.contains(place) ? line.differences[place] : nil
        }
    }
    private static let findings: [Column<AuditLine>] = Finding.Kind.allCases.map { kind in
        .whole(kind.rawValue, kind.documentation) { line in
            // A file that could not be opened was looked at for some kinds alone.
            let count = line.row.count(of: kind)
            return line.row.model == nil && count == 0 ? nil : count
        }
    }
    private static let facts: [Column<AuditLine>] = [
        .text("sameAs", "The first row with the same weights.") { $0.row.sameAs },
        .text("family", "The model's family.") { $0.row.model?.family },
        .whole("parameters", "The elements of its parameters.") { $0.row.model?.parameters },
        .whole("step", "The steps of training that the file records.") { $0.row.model?.step },
        .text("container", "The container of the weights.") { $0.row.model?.container },
        .text("dtypes", "The types in which tensors are stored, between commas.") { $0.row.model?.dtypes.joined(separator: ",") },
        .text("encodings", "How weights are encoded, between semicolons.") { line in
            line.row.model.flatMap { $0.encodings.isEmpty ? nil : $0.encodings.joined(separator: "; ") }
        },
        .whole("size", "The bytes of all files.") { $0.row.size },
        .whole("modified", "When the youngest file was changed, in nanoseconds since 1970.") { $0.row.modified },
        .text("sha256", "The SHA-256 of the files that hold the weights.") { $0.row.sha256 },
        .text("weightsSha256", "The SHA-256 of the weights whatever the container.") { $0.row.weightsSHA256 },
    ]
}
