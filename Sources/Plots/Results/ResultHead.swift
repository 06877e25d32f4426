import Text

/// What a result says of itself before its numbers; tsv says nothing of it.
struct ResultHead: Sendable {
    var seed: Int?
    var checkpoint: String?
    var data: String?
    var method: String?
    var clusters: String?

    init() {}

    init(_ row: ResultRow) {
        seed = row.whole("seed")
        checkpoint = row.text("checkpoint.path")
        data = row.text("data")
        method = row.text("method")
        clusters = row.text("clusters")
    }

    /// The line below a picture: checkpoint, method, data and seed, as far as they are known, between what is special to the picture.
    func caption(_ parts: String?..., checkpoint isNamed: Bool = true, method isMethodNamed: Bool = true) -> String {
        var all: [String] = []
        if isNamed, let checkpoint { all.append(checkpoint) }
        if isMethodNamed, let method { all.append("method \(method)") }
        all += parts.compactMap(\.self).filter { !$0.isEmpty }
        if let data { all.append("data \(data)") }
        if let clusters { all.append("clusters \(clusters)") }
        if let seed { all.append("seed \(seed)") }
        return all.map(\.singleLine).joined(separator: " · ")
    }
}
