/// Scores of layers.
struct ScoreResult: DrawnResult {
    /// The score of one layer, or of the mean over the layers, with one number of clusters.
    struct Row: Sendable {
        var layer: String
        var k: Int?
        var clusterability: Double?
        var chance: Double?
        var adjusted: Double?
        var null: NullModel?
    }

    struct NullModel: Sendable {
        var mean: Double?
        var sd: Double?
        var z: Double?
        var p: Double?
        var samples: Int?
    }

    struct Scored: Sendable {
        var path: String
        var rows: [Row] = []
    }

    static let mean = "mean"

    var head = ResultHead()
    var checkpoints: [Scored] = []
    /// The paths of checkpoints that could not be scored.
    var failed: [String] = []

    private var places: [String: Int] = [:]

    mutating func add(_ record: ResultRow) {
        if head.seed == nil { head = ResultHead(record) }
        head.checkpoint = nil
        if record.hasList("checkpoints") {
            for checkpoint in record.rows("checkpoints") {
                let path = checkpoint.text("path") ?? ""
                if checkpoint.row("error") != nil {
                    failed.append(path)
                    continue
                }
                for result in checkpoint.rows("results") {
                    let k = result.whole("k")
                    for layer in result.rows("layers") { add(path, layer, k) }
                    if let mean = result.row("mean") { add(path, mean, k) }
                }
            }
            return
        }
        let path = record.text("checkpoint.path") ?? record.text("checkpoint") ?? ""
        if record.row("checkpoint.error") != nil || record.text("status") == "failed" {
            failed.append(path)
        } else {
            add(path, record, nil)
        }
    }

    private mutating func add(_ path: String, _ row: ResultRow, _ k: Int?) {
        let layer = row.text("layer") ?? ""
        // The n-cut of the graph of all layers is no score of a layer.
        if layer == "network", row.number("clusterability") == nil { return }
        var null: NullModel?
        if row.row("null") != nil || row.number("null.mean") != nil {
            null = NullModel(
                mean: row.number("null.mean"), sd: row.number("null.sd"), z: row.number("null.z"), p: row.number("null.p"),
                samples: row.whole("null.samples"))
        }
        if places[path] == nil {
            places[path] = checkpoints.count
            checkpoints.append(Scored(path: path))
        }
        checkpoints[places[path]!].rows.append(
            Row(
                layer: layer, k: row.whole("k") ?? k, clusterability: row.number("clusterability"), chance: row.number("chance"),
                adjusted: row.number("adjusted"), null: null))
    }

    mutating func join(_ other: ScoreResult) -> Bool {
        guard head.method == other.head.method || head.method == nil || other.head.method == nil else { return false }
        for checkpoint in other.checkpoints {
            var checkpoint = checkpoint
            while places[checkpoint.path] != nil { checkpoint.path += " (again)" }
            places[checkpoint.path] = checkpoints.count
            checkpoints.append(checkpoint)
        }
        failed += other.failed
        if head.seed != other.head.seed { head.seed = nil }
        return true
    }

    /// The layers in the order in which they first appear, the mean last.
    var layers: [String] {
        var seen: Set<String> = []
        let names = checkpoints.flatMap(\.rows).map(\.layer).filter { seen.insert($0).inserted }
        return names.filter { $0 != Self.mean } + names.filter { $0 == Self.mean }
    }

    /// Whether a layer was scored with several numbers of clusters.
    var isSweep: Bool {
        checkpoints.contains { checkpoint in
            var seen: [String: Int] = [:]
            return checkpoint.rows.contains { row in
                defer { seen[row.layer] = row.k ?? -1 }
                return seen[row.layer].map { $0 != row.k ?? -1 } ?? false
            }
        }
    }
}
