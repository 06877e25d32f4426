import Text

/// The rows of an audit.
struct AuditResult: DrawnResult {
    /// The means over the layers of one checkpoint, with its first number of clusters, and the scores of its layers.
    struct Checkpoint: Sendable {
        var name: String
        var status: String
        var family: String?
        /// The steps of training that the file records.
        var step: Int?
        var k: Int?
        /// By ``measures``; missing where they are undefined.
        var values: [String: Double] = [:]
        var layers: [Layer] = []
        /// What was found, each kind once.
        var findings: [String] = []
    }

    struct Layer: Sendable {
        var name: String
        var values: [String: Double] = [:]
    }

    /// The values that are drawn, in the order of the pictures.
    static let measures = ["adjusted", "clusterability", "chance", "modularity", "ncut", "null.z"]

    var head = ResultHead()
    var checkpoints: [Checkpoint] = []
    private var names: Set<String> = []

    mutating func add(_ record: ResultRow) {
        if head.method == nil {
            head = ResultHead(record)
            head.method = record.text("settings.method") ?? head.method
            // As text, since it may have 64 bits.
            head.seed = record.text("settings.seed").flatMap { Int($0) } ?? head.seed
        }
        // A line without a row only says what the rows were computed with.
        guard let name = record.text("path") else { return }
        // Of several numbers of clusters the first one is drawn; tsv has a row for each.
        guard names.insert(name).inserted else { return }
        var checkpoint = Checkpoint(name: name, status: record.text("status") ?? "")
        checkpoint.family = record.text("family")
        checkpoint.step = record.whole("step")
        if let result = record.rows("results").first, let mean = result.row("mean") {
            checkpoint.k = result.whole("k")
            checkpoint.values = Self.values(mean)
            checkpoint.layers = result.rows("layers").map { Layer(name: $0.text("layer") ?? "", values: Self.values($0)) }
        } else {
            checkpoint.k = record.whole("k")
            checkpoint.values = Self.values(record)
        }
        var seen: Set<String> = []
        checkpoint.findings = record.rows("findings").compactMap { $0.text("finding") }.filter { seen.insert($0).inserted }
        checkpoints.append(checkpoint)
    }

    private static func values(_ row: ResultRow) -> [String: Double] {
        var values: [String: Double] = [:]
        for measure in measures { values[measure] = row.number(measure) }
        return values
    }

    mutating func join(_ other: AuditResult) -> Bool {
        for checkpoint in other.checkpoints where names.insert(checkpoint.name).inserted { checkpoints.append(checkpoint) }
        return true
    }

    /// A training run: checkpoints whose names differ in the number of their step alone.
    struct Run: Sendable {
        /// The name with a star where the number is.
        let name: String
        /// In the order of the steps.
        var checkpoints: [(step: Double, checkpoint: Checkpoint)]
    }

    /// The runs of three checkpoints or more, in the order in which they first appear.
    var runs: [Run] {
        var runs: [Run] = []
        var places: [String: Int] = [:]
        for checkpoint in checkpoints where !checkpoint.values.isEmpty {
            guard let place = Words.namedStep(inPath: checkpoint.name) else { continue }
            if places[place.rest] == nil {
                places[place.rest] = runs.count
                runs.append(Run(name: place.rest, checkpoints: []))
            }
            runs[places[place.rest] ?? 0].checkpoints.append((checkpoint.step.map(Double.init) ?? place.step, checkpoint))
        }
        return runs.filter { Set($0.checkpoints.map(\.step)).count > 2 }.map { run in
            var run = run
            run.checkpoints.sort { ($0.step, $0.checkpoint.name) < ($1.step, $1.checkpoint.name) }
            return run
        }
    }
}
