/// Two checkpoints, or two files of clusters, layer by layer.
struct CompareResult: DrawnResult {
    struct Scores: Sendable {
        var clusterability: Double?
        var adjusted: Double?
        var ncut: Double?
    }

    struct Agreement: Sendable {
        var ari: Double?
        var matched: Double?
        /// The neurons that each cluster of A, a row, shares with each of B; nil where the result does not say.
        var counts: [[Int]]?
        /// The clusters of B in the order of the corresponding ones of A; those that correspond to none come last.
        var order: [Int] = []
    }

    struct Layer: Sendable {
        var name: String
        var a = Scores()
        var b = Scores()
        var out = Agreement()
        var into = Agreement()
        var relativeChange: Double?
    }

    var head = ResultHead()
    var paths: [String] = []
    var failed: [String] = []
    var layers: [Layer] = []
    var mean: Layer?
    /// Whether the rows are weights that changed, of which there is no picture.
    var isOfWeights = false
    private var places: [String: Int] = [:]

    mutating func add(_ record: ResultRow) {
        if record.has("schema") {
            head = ResultHead(record)
            paths = record.rows("inputs").compactMap { $0.text("path") }
            failed = record.rows("inputs").filter { $0.row("error") != nil }.compactMap { $0.text("path") }
        }
        if record.hasList("layers") {
            for layer in record.rows("layers") { add(layer: layer) }
            if let row = record.row("mean") { add(layer: row) }
        } else if record.has("rank") {
            isOfWeights = true
        } else if record.has("side") {
            addSide(record)
        } else if record.text("layer") != nil {
            add(layer: record)
        }
    }

    private mutating func store(_ layer: Layer) {
        if layer.name == ScoreResult.mean {
            mean = layer
        } else {
            layers.append(layer)
        }
    }

    private mutating func add(layer row: ResultRow) {
        func scores(_ side: String) -> Scores {
            Scores(
                clusterability: row.number(side + ".clusterability"), adjusted: row.number(side + ".adjusted"),
                ncut: row.number(side + ".ncut"))
        }
        func agreement(_ side: String) -> Agreement {
            var agreement = Agreement(ari: row.number(side + ".ari"), matched: row.number(side + ".matched"))
            if let counts = row.table(side + ".counts"), let width = counts.first?.count, width > 0 {
                agreement.counts = counts
                var isLeft = [Bool](repeating: true, count: width)
                for other in (row.numbers(side + ".counterparts") ?? []).compactMap({ $0.flatMap { Int(exactly: $0) } })
                where isLeft.indices.contains(other) && isLeft[other] {
                    agreement.order.append(other)
                    isLeft[other] = false
                }
                agreement.order += isLeft.indices.filter { isLeft[$0] }
            }
            return agreement
        }
        store(
            Layer(
                name: row.text("layer") ?? "", a: scores("a"), b: scores("b"), out: agreement("out"), into: agreement("in"),
                relativeChange: row.number("relativeChange")))
    }

    /// A row of files of clusters, which is one side of a layer.
    private mutating func addSide(_ row: ResultRow) {
        let name = row.text("layer") ?? ""
        let agreement = Agreement(ari: row.number("ari"), matched: row.number("matched"))
        var layer = Layer(name: name)
        if name == ScoreResult.mean {
            layer = mean ?? layer
        } else if let place = places[name] {
            layer = layers[place]
        }
        if row.text("side") == "in" { layer.into = agreement } else { layer.out = agreement }
        if name == ScoreResult.mean {
            mean = layer
        } else if let place = places[name] {
            layers[place] = layer
        } else {
            places[name] = layers.count
            layers.append(layer)
        }
    }
}
