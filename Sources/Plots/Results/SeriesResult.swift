/// Three or more checkpoints, or files of clusters, and how far their clusters agree.
struct SeriesResult: DrawnResult {
    struct Agreement: Sendable {
        var out: Double?
        var into: Double?

        /// The mean of both sides.
        var mean: Double? {
            let known = [out, into].compactMap(\.self)
            return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
        }
    }

    struct Step: Sendable {
        /// The checkpoint's place among the inputs.
        var input: Int
        var adjusted: Double?
        var previous = Agreement()
        var last = Agreement()
    }

    struct Layer: Sendable {
        var name: String
        var steps: [Step] = []
        /// The adjusted Rand index of every two inputs; nil where the result does not say.
        var out: [[Double?]]?
        var into: [[Double?]]?
    }

    var head = ResultHead()
    var paths: [String] = []
    var failed: [String] = []
    /// The mean is the last.
    var layers: [Layer] = []
    private var inputs: [String: Int] = [:]
    private var places: [String: Int] = [:]

    mutating func add(_ record: ResultRow) {
        if record.has("schema") { head = ResultHead(record) }
        // A series is of many.
        head.checkpoint = nil
        guard record.hasList("layers") else { return add(row: record) }
        for input in record.rows("inputs") {
            let place = input.text("path").map { add(path: $0) }
            if input.row("error") != nil, let place { failed.append(paths[place]) }
        }
        for row in record.rows("layers") + [record.row("mean")].compactMap(\.self) {
            var layer = Layer(name: row.text("layer") ?? "")
            layer.steps = row.rows("steps").compactMap { step in
                step.whole("input").flatMap { paths.indices.contains($0) ? Self.step(step, $0) : nil }
            }
            layer.out = matrix(row, "agreement.out")
            layer.into = matrix(row, "agreement.in")
            layers.append(layer)
        }
    }

    /// A square of numbers, one row for each input; nil for anything else.
    private func matrix(_ row: ResultRow, _ name: String) -> [[Double?]]? {
        guard let matrix = row.matrix(name), matrix.count == paths.count, matrix.allSatisfy({ $0.count == paths.count }) else { return nil }
        return matrix
    }

    private static func step(_ row: ResultRow, _ input: Int) -> Step {
        func agreement(_ name: String) -> Agreement { Agreement(out: row.number(name + ".out.ari"), into: row.number(name + ".in.ari")) }
        return Step(input: input, adjusted: row.number("adjusted"), previous: agreement("previous"), last: agreement("last"))
    }

    private mutating func add(path: String) -> Int {
        if let place = inputs[path], !paths.isEmpty { return place }
        inputs[path] = paths.count
        paths.append(path)
        return paths.count - 1
    }

    /// A row of jsonl or tsv: one layer of one checkpoint.
    private mutating func add(row: ResultRow) {
        guard let path = row.text("checkpoint.path") ?? row.text("checkpoint") else { return }
        let input = add(path: path)
        guard row.text("status") != "failed", row.row("checkpoint.error") == nil, let name = row.text("layer") else {
            failed.append(path)
            return
        }
        let place = places[name] ?? layers.count
        if place == layers.count {
            places[name] = place
            layers.append(Layer(name: name))
        }
        layers[place].steps.append(Self.step(row, input))
    }
}
