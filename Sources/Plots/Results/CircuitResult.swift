/// Circuits of weights, one a label.
struct CircuitResult: DrawnResult {
    struct Circuit: Sendable {
        /// The file that it was read from.
        var path = ""
        var label: Int?
        var kept: Int?
        var weights: Int?
        var size: Double?
        var degenerate: Bool
        var accuracy: Double?
        var recall: Double?
        /// The places of the kept weights by layer, sorted; nil where the result does not name them.
        var places: [String: [Int]]?

        var name: String { label.map { "label \($0)" } ?? "all labels" }
    }

    var head = ResultHead()
    var objective: String?
    var tolerance: Double?
    var circuits: [Circuit] = []

    /// The files in their order.
    var paths: [String] { circuits.map(\.path).reduce(into: []) { if $0.last != $1 { $0.append($1) } } }

    /// Says from which file all circuits are.
    mutating func name(_ path: String) {
        for place in circuits.indices { circuits[place].path = path }
    }

    mutating func join(_ other: CircuitResult) -> Bool {
        let taken = Set(paths)
        circuits += other.circuits.map { circuit in
            var circuit = circuit
            while taken.contains(circuit.path) { circuit.path += " (again)" }
            return circuit
        }
        if head.checkpoint != other.head.checkpoint { head.checkpoint = nil }
        if head.data != other.head.data { head.data = nil }
        return true
    }

    mutating func add(_ record: ResultRow) {
        if record.has("schema") {
            head = ResultHead(record)
            (objective, tolerance) = (record.text("objective"), record.number("tolerance"))
        }
        if record.hasList("circuits") {
            for circuit in record.rows("circuits") { add(circuit: circuit) }
        } else {
            add(circuit: record)
        }
    }

    private mutating func add(circuit row: ResultRow) {
        var places: [String: [Int]]?
        if row.hasList("layers") {
            var found: [String: [Int]] = [:]
            for layer in row.rows("layers") {
                if let name = layer.text("layer"), let kept = layer.integers("places") { found[name] = kept.sorted() }
            }
            places = found
        }
        circuits.append(
            Circuit(
                label: row.whole("label"), kept: row.whole("kept"), weights: row.whole("weights"), size: row.number("size"),
                degenerate: row.flag("degenerate") ?? false, accuracy: row.number("heldOut.accuracy"), recall: row.number("heldOut.recall"),
                places: places))
    }

    /// The intersection over union of the kept weights of two circuits; nil where both are empty or the places are unknown.
    static func overlap(_ first: Circuit, _ second: Circuit) -> Double? {
        guard let one = first.places, let other = second.places else { return nil }
        var (shared, all) = (0, 0)
        for name in Set(one.keys).union(other.keys).sorted() {
            let (left, right) = (one[name] ?? [], other[name] ?? [])
            var (i, j) = (0, 0)
            while i < left.count, j < right.count {
                if left[i] == right[j] {
                    shared += 1
                    i += 1
                    j += 1
                } else if left[i] < right[j] {
                    i += 1
                } else {
                    j += 1
                }
            }
            all += left.count + right.count
        }
        return all > shared ? Double(shared) / Double(all - shared) : nil
    }
}

/// How far circuits agree.
struct OverlapResult: DrawnResult {
    struct Pair: Sendable {
        var a: String
        var b: String
        var overlap: Double?
    }

    var kind: String?
    /// In the order in which they appear.
    var names: [String] = []
    var kept: [String: Int] = [:]
    var sizes: [String: Double] = [:]
    var pairs: [Pair] = []
    var failed: [String] = []

    mutating func add(_ record: ResultRow) {
        guard record.hasList("pairs") else { return add(pair: record) }
        kind = record.text("kind")
        for file in record.rows("files") where file.row("error") != nil { failed.append(file.text("path") ?? "") }
        for circuit in record.rows("circuits") {
            guard let name = circuit.text("name") else { continue }
            note(name, circuit.whole("kept"))
            sizes[name] = circuit.number("size")
        }
        for pair in record.rows("pairs") { add(pair: pair) }
    }

    private mutating func note(_ name: String, _ count: Int?) {
        if kept[name] == nil {
            names.append(name)
            kept[name] = count ?? 0
        }
    }

    private mutating func add(pair row: ResultRow) {
        guard let a = row.text("a"), let b = row.text("b") else {
            if let path = row.text("path") ?? row.text("a") { failed.append(path) }
            return
        }
        note(a, row.whole("keptA"))
        note(b, row.whole("keptB"))
        pairs.append(Pair(a: a, b: b, overlap: row.number("overlap")))
    }
}
