/// What becomes of a model's answers without its clusters, and with one alone.
struct AblationResult: DrawnResult {
    struct Row: Sendable {
        var cluster: Int
        var neurons: Int?
        var moved: Bool
        var accuracy: Double?
        var loss: Double?
        var classes: [ClassAccuracy]
        var control: Control?
    }

    struct Control: Sendable {
        var mean: Double
        var sd: Double?
        var p: Double?
        var samples: Int?
        /// The same of the loss.
        var loss: Spread?
    }

    struct Spread: Sendable {
        var mean: Double
        var sd: Double?
        var p: Double?
    }

    struct Layer: Sendable {
        var name: String
        var off: [Row] = []
        var on: [Row] = []
        /// How many answers become wrong under exactly 0, 1, ... of the interventions.
        var dependenceOff: [Int] = []
        var dependenceOn: [Int] = []
    }

    var head = ResultHead()
    var reading: String?
    var fill: String?
    var samples: Int?
    var intactAccuracy: Double?
    var intactLoss: Double?
    var intactClasses: [ClassAccuracy] = []
    var layers: [Layer] = []
    private var places: [String: Int] = [:]

    private mutating func place(of name: String) -> Int {
        if let place = places[name] { return place }
        places[name] = layers.count
        layers.append(Layer(name: name))
        return layers.count - 1
    }

    mutating func add(_ record: ResultRow) {
        if record.has("schema") {
            head = ResultHead(record)
            (reading, fill) = (record.text("reading"), record.text("fill"))
        }
        guard record.hasList("layers") else { return addRow(record, layer: record.text("layer") ?? "") }
        samples = record.whole("samples")
        intactAccuracy = record.number("intact.accuracy")
        intactLoss = record.number("intact.loss")
        intactClasses = record.row("intact")?.rows("classes").compactMap(ClassAccuracy.init) ?? []
        for layer in record.rows("layers") {
            let name = layer.text("layer") ?? ""
            let place = place(of: name)
            for row in layer.rows("interventions") { addRow(row, layer: name) }
            layers[place].dependenceOff = layer.integers("dependence.off") ?? []
            layers[place].dependenceOn = layer.integers("dependence.on") ?? []
        }
    }

    private mutating func addRow(_ row: ResultRow, layer name: String) {
        let kind = row.text("intervention")
        if row.has("clusters"), let answers = row.whole("answers"), let count = row.whole("clusters"), (0...4096).contains(count) {
            addDependence(name, kind, count, answers)
            return
        }
        let classes =
            row.hasList("classes")
            ? row.rows("classes").compactMap(ClassAccuracy.init)
            : row.columns(behind: "accuracy_").map { ClassAccuracy(label: $0.rest, count: nil, accuracy: $0.value) }
        guard kind == "off" || kind == "on", let cluster = row.whole("cluster") else {
            if kind == "intact" {
                (intactAccuracy, intactLoss, intactClasses) = (row.number("accuracy"), row.number("loss"), classes)
            }
            return
        }
        let control = row.number("control.accuracy.mean").map {
            Control(
                mean: $0, sd: row.number("control.accuracy.sd"), p: row.number("control.accuracy.p"), samples: row.whole("control.samples"),
                loss: row.number("control.loss.mean").map { mean in
                    Spread(mean: mean, sd: row.number("control.loss.sd"), p: row.number("control.loss.p"))
                })
        }
        let moved = row.flag("moved") ?? true
        let found = Row(
            cluster: cluster, neurons: row.whole("neurons"), moved: moved, accuracy: row.number("accuracy"), loss: row.number("loss"),
            classes: moved ? classes : [], control: control)
        let place = place(of: name)
        if kind == "off" { layers[place].off.append(found) } else { layers[place].on.append(found) }
    }

    private mutating func addDependence(_ layer: String, _ kind: String?, _ count: Int, _ answers: Int) {
        let place = place(of: layer)
        func set(_ counts: inout [Int]) {
            while counts.count <= count { counts.append(0) }
            counts[count] = answers
        }
        if kind == "on" { set(&layers[place].dependenceOn) } else { set(&layers[place].dependenceOff) }
    }
}
