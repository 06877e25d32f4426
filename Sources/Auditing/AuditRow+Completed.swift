extension AuditRow {
    /// The rows with what needs all of them: the first row with the same weights, and the q-values.
    ///
    /// The q-values are those of Benjamini and Hochberg (1995), over all layers of all rows with all numbers of clusters; the means over
    /// the layers are a family of their own. What the rows had before is replaced, so that completed rows can be completed again together
    /// with others.
    ///
    /// - Parameter rows: in the order of the result.
    package static func completed(_ rows: [AuditRow]) -> [AuditRow] {
        var rows = rows
        var first: [String: String] = [:]
        for place in rows.indices {
            guard let digest = rows[place].weightsSHA256 else {
                rows[place].sameAs = nil
                continue
            }
            rows[place].sameAs = first[digest]
            if first[digest] == nil { first[digest] = rows[place].name }
        }
        let layers = adjusted(rows.flatMap { $0.results.flatMap { $0.layers.map { $0.null?.p } } })
        let means = adjusted(rows.flatMap { $0.results.map { $0.mean.null?.p } })
        var (layer, mean) = (0, 0)
        for row in rows.indices {
            for result in rows[row].results.indices {
                for place in rows[row].results[result].layers.indices {
                    rows[row].results[result].layers[place].null?.q = layers[layer]
                    layer += 1
                }
                rows[row].results[result].mean.null?.q = means[mean]
                mean += 1
            }
        }
        return rows
    }

    /// The q-values of p-values: the smallest p_j m / rank_j over all p_j that are at least as large, at most 1.
    ///
    /// Those that are nil take no part.
    static func adjusted(_ values: [Double?]) -> [Double?] {
        let known = values.indices.filter { values[$0] != nil }.sorted { (values[$0] ?? 0, $0) < (values[$1] ?? 0, $1) }
        var adjusted = [Double?](repeating: nil, count: values.count)
        var least = 1.0
        for (rank, place) in known.enumerated().reversed() {
            guard let p = values[place] else { continue }
            least = min(least, p * Double(known.count) / Double(rank + 1))
            adjusted[place] = least
        }
        return adjusted
    }
}
