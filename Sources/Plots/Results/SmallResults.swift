/// The sizes of the clusters of layers.
struct ClusterResult: DrawnResult {
    struct Layer: Sendable {
        var name: String
        /// The number of neurons in each cluster, and of those in none.
        var out: [Int: Int] = [:]
        var into: [Int: Int] = [:]
        var clusterability: Double?
    }

    var head = ResultHead()
    var layers: [Layer] = []
    private var places: [String: Int] = [:]

    mutating func add(_ record: ResultRow) {
        if record.has("schema") { head = ResultHead(record) }
        if record.hasList("layers") {
            for layer in record.rows("layers") { add(layer: layer) }
        } else if record.has("side") {
            let place = place(of: record.text("layer") ?? "")
            let cluster = record.whole("cluster") ?? -1
            if record.text("side") == "in" {
                layers[place].into[cluster, default: 0] += 1
            } else {
                layers[place].out[cluster, default: 0] += 1
            }
        } else {
            add(layer: record)
        }
    }

    private mutating func place(of name: String) -> Int {
        if let place = places[name] { return place }
        places[name] = layers.count
        layers.append(Layer(name: name))
        return layers.count - 1
    }

    private mutating func add(layer record: ResultRow) {
        let place = place(of: record.text("layer") ?? "")
        layers[place].clusterability = record.number("clusterability")
        for cluster in record.integers("out") ?? [] { layers[place].out[cluster, default: 0] += 1 }
        for cluster in record.integers("in") ?? [] { layers[place].into[cluster, default: 0] += 1 }
    }
}

/// How models answer data.
struct EvalResult: DrawnResult {
    struct Evaluated: Sendable {
        var path: String
        var accuracy: Double?
        var loss: Double?
        var answers: Int?
        /// Whether the outputs are compared with numbers, by the mean squared error.
        var isOfNumbers = false
        var classes: [ClassAccuracy] = []
    }

    var head = ResultHead()
    var checkpoints: [Evaluated] = []
    var failed: [String] = []

    mutating func add(_ record: ResultRow) {
        if record.has("schema") { head = ResultHead(record) }
        head.checkpoint = nil
        if record.hasList("checkpoints") {
            for checkpoint in record.rows("checkpoints") { add(checkpoint: checkpoint) }
        } else if let checkpoint = record.row("checkpoint") {
            add(checkpoint: checkpoint)
        } else {
            addRow(record)
        }
    }

    mutating func join(_ other: EvalResult) -> Bool {
        guard head.data == other.head.data else { return false }
        checkpoints += other.checkpoints
        failed += other.failed
        return true
    }

    /// Whether the task compares numbers, of which none is right or wrong.
    private static func isOfNumbers(_ row: ResultRow) -> Bool { ["regression", "reconstruction"].contains(row.text("task") ?? "") }

    private mutating func add(checkpoint: ResultRow) {
        let path = checkpoint.text("path") ?? ""
        if checkpoint.row("error") != nil {
            failed.append(path)
            return
        }
        checkpoints.append(
            Evaluated(
                path: path, accuracy: checkpoint.number("accuracy"), loss: checkpoint.number("loss"), answers: checkpoint.whole("answers"),
                isOfNumbers: Self.isOfNumbers(checkpoint),
                classes: checkpoint.rows("classes").compactMap(ClassAccuracy.init)))
    }

    private mutating func addRow(_ row: ResultRow) {
        let path = row.text("checkpoint") ?? ""
        if row.text("status") == "failed" {
            failed.append(path)
        } else if row.text("label") == "all" {
            checkpoints.append(
                Evaluated(
                    path: path, accuracy: row.number("accuracy"), loss: row.number("loss"), answers: row.whole("count"),
                    // Tables of earlier versions do not say the task: where nothing is right or wrong, numbers are compared.
                    isOfNumbers: row.has("task")
                        ? Self.isOfNumbers(row) : row.number("accuracy") == nil && row.number("loss") != nil))
        } else if let found = ClassAccuracy(row), !checkpoints.isEmpty {
            checkpoints[checkpoints.count - 1].classes.append(found)
        }
    }
}

/// How the samples of one class are answered.
struct ClassAccuracy: Sendable {
    var label: String
    /// The samples; nil where the result does not say.
    var count: Int?
    var accuracy: Double?

    init(label: String, count: Int?, accuracy: Double?) {
        (self.label, self.count, self.accuracy) = (label, count, accuracy)
    }

    init?(_ row: ResultRow) {
        guard let label = row.whole("label") else { return nil }
        // tsv writes a dash where there is no name.
        let name = row.text("name").flatMap { $0.isEmpty || $0 == "-" ? nil : $0 }
        self.init(label: name ?? String(label), count: row.whole("count"), accuracy: row.number("accuracy"))
    }
}
