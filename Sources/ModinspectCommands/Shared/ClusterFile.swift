import Archives
import Checkpoints
import Modularity
import Scoring
import Text

/// Clusters that were written earlier, by `cluster` or by hand.
struct ClusterFile {
    /// One layer's labels as the file has them.
    struct Layer {
        let name: String
        /// The number of clusters that the file states, if it does.
        var clusterCount: Int?
        var out = Side.rows([])
        var `in` = Side.rows([])
    }

    /// The labels of one side.
    enum Side {
        /// One for each neuron.
        case labels([Int])
        /// By neuron, in the file's order.
        case rows([(index: Int, label: Int)])

        var count: Int {
            switch self {
            case .labels(let labels): labels.count
            case .rows(let rows): rows.count
            }
        }

        /// Adds a row; has no effect on labels for all neurons.
        mutating func append(_ index: Int, _ label: Int) {
            guard case .rows(var rows) = self else { return }
            self = .rows([])
            rows.append((index, label))
            self = .rows(rows)
        }
    }

    /// The largest label: measures need memory proportional to the square of the number of clusters.
    static let largestLabel = ClusterCounts.largest - 1

    let path: String
    let layers: [Layer]

    /// Reads the file, or standard input for `-`: rows, JSON, or a checkpoint that stores clusters, as determined by its beginning.
    init(path: String) throws {
        if path != "-", FilePath.isDirectory(path) {
            try self.init(checkpoint: Checkpoint.open(path))
            return
        }
        let region: ByteRegion
        do {
            region =
                path == "-"
                ? try ByteRegion.standardInput(isKnown: Self.isKnown) : try ByteRegion.contents(path: path, isKnown: Self.isKnown)
        } catch {
            throw Problem(file: path, problem: "\(error)")
        }
        let head = region.bytes(0..<min(region.count, ByteRegion.headLength)) ?? []
        if !Self.isText(head), Checkpoint.isRecognised(head) {
            try self.init(checkpoint: Checkpoint.open(region, path: path))
        } else {
            try self.init(path: path, content: region)
        }
    }

    /// Whether what begins with `head` can hold clusters.
    private static func isKnown(_ head: [UInt8]) -> Bool { isText(head) || Checkpoint.isRecognised(head) }

    /// Whether what begins with `head` can be clusters as `cluster` writes them: an object in JSON, or the header of rows. A safetensors file
    /// can begin with a `{` too, as a number.
    static func isText(_ head: [UInt8]) -> Bool {
        if head.starts(with: ClusterTSV.header.utf8) { return true }
        return !head.prefix(8).contains(0) && head.first { ![32, 9, 10, 13].contains($0) } == UInt8(ascii: "{")
    }

    /// The clusters that a checkpoint was trained for, which it stores.
    private init(checkpoint: Checkpoint) throws {
        guard let note = checkpoint.companions["modinspect.json"] else {
            throw Problem(
                file: checkpoint.path, problem: "is a checkpoint that stores no clusters",
                expected: "the tsv, json or jsonl of modinspect cluster, or a checkpoint that finetune wrote")
        }
        path = checkpoint.path
        layers = try ClusterJSON.archived(note, path: checkpoint.path)
        try checkNames()
    }

    /// - Parameter content: what the file holds.
    init(path: String, content: ByteRegion) throws {
        self.path = path
        let first = content.withUnsafeBytes { bytes in bytes.first { ![32, 9, 10, 13].contains($0) } }
        guard let first else { throw Problem(file: path, problem: "is empty", expected: "the clusters of at least one layer") }
        if first == UInt8(ascii: "{") {
            layers = try ClusterJSON.layers(content, path: path)
        } else {
            layers = try ClusterTSV.layers(content, path: path)
        }
        try checkNames()
    }

    private func checkNames() throws {
        var names: Set<String> = []
        for layer in layers where !names.insert(layer.name).inserted {
            throw Problem(file: path, layer: layer.name, problem: "has its clusters twice")
        }
        guard !layers.isEmpty else { throw Problem(file: path, problem: "has no clusters") }
    }

    /// The labels of all the file's layers by the checkpoint's names, which may differ as ``NamePairing`` allows, or by the names
    /// of its GGUF file.
    ///
    /// - Throws: ``Problem`` for a layer that the checkpoint lacks, a neuron that is missing, named twice or not there.
    func clusterings(for catalog: LayerCatalog) throws -> [String: LayerClustering] {
        var clusterings: [String: LayerClustering] = [:]
        let names = catalog.layers.enumerated().flatMap { place, layer in catalog.names(of: layer).map { (name: $0, place: place) } }
        let partners = NamePairing(layers.map(\.name), names.map(\.name)).partners.map { partner in partner.map { names[$0].place } }
        for (layer, partner) in zip(layers, partners) {
            let stored = partner == nil ? catalog.layer(inFile: layer.name) : nil
            guard let weights = partner.map({ catalog.layers[$0] }) ?? stored else {
                throw Problem(file: path, layer: layer.name, problem: "is not a weight matrix of the checkpoint")
            }
            var out = try labels(layer.out, side: "out", count: weights.outNeurons, layer: layer.name)
            // Under its file's name a layer has the file's order of rows.
            if stored != nil { out = Labels(weights.inModelOrder(out.values)) }
            let input = try labels(layer.in, side: "in", count: weights.inNeurons, layer: layer.name)
            let used = max(out.clusterCount, input.clusterCount)
            let clustering = LayerClustering(
                layer: weights.name, clusterCount: max(layer.clusterCount ?? used, used), outLabels: out, inLabels: input)
            if let known = clusterings[weights.name], known.outLabels != out || known.inLabels != input {
                throw Problem(
                    file: path, layer: layer.name, problem: "has other clusters than the same tensor under another name",
                    expected: "those of '\(weights.name)'")
            }
            clusterings[weights.name] = clustering
        }
        return clusterings
    }

    /// The labels of all the file's layers, by the checkpoint's names, for the library.
    func clusters(for catalog: LayerCatalog) throws -> GivenClusters {
        GivenClusters(name: path == "-" ? "standard input" : path, try clusterings(for: catalog))
    }

    /// The labels of all the file's layers in its order, each side as long as the file has it.
    ///
    /// - Throws: ``Problem`` for a neuron that is missing or named twice.
    func clusterings() throws(Problem) -> [LayerClustering] {
        var clusterings: [LayerClustering] = []
        for layer in layers {
            let out = try labels(layer.out, side: "out", count: layer.out.count, layer: layer.name)
            let input = try labels(layer.in, side: "in", count: layer.in.count, layer: layer.name)
            let used = max(out.clusterCount, input.clusterCount)
            clusterings.append(
                LayerClustering(layer: layer.name, clusterCount: max(layer.clusterCount ?? used, used), outLabels: out, inLabels: input))
        }
        return clusterings
    }

    private func labels(_ side: Side, side name: String, count: Int, layer: String) throws(Problem) -> Labels {
        func failure(_ problem: String, expected: String? = nil, found: String? = nil) -> Problem {
            Problem(file: path, layer: layer, problem: problem, expected: expected, found: found)
        }
        func check(_ index: Int, _ label: Int) throws(Problem) {
            guard index >= 0, index < count else {
                throw failure("has no \(name)-neuron \(index)", expected: "\(count) neurons from 0 to \(count - 1)")
            }
            guard label >= Labels.none, label <= Self.largestLabel else {
                throw failure(
                    "has an impossible cluster for \(name)-neuron \(index)", expected: "-1 to \(Self.largestLabel)", found: "\(label)")
            }
        }
        func leavesOut(_ index: Int, found: Int) -> Problem {
            failure("leaves out \(name)-neuron \(index)", expected: "\(count) neurons", found: "\(found)")
        }
        switch side {
        case .labels(let labels):
            for (index, label) in labels.enumerated() { try check(index, label) }
            guard labels.count == count else { throw leavesOut(labels.count, found: labels.count) }
            return Labels(labels)
        case .rows(let rows):
            // Memory grows with what the file names, not with the neurons that the checkpoint claims.
            var seen = [Bool](repeating: false, count: min(count, rows.count + 1))
            var values = [Int](repeating: 0, count: seen.count)
            var distant: Set<Int> = []
            for (index, label) in rows {
                try check(index, label)
                let isFirst = index < seen.count ? !seen[index] : distant.insert(index).inserted
                guard isFirst else { throw failure("names \(name)-neuron \(index) twice") }
                guard index < seen.count else { continue }
                seen[index] = true
                values[index] = label
            }
            if let missing = seen.firstIndex(of: false) { throw leavesOut(missing, found: rows.count) }
            return Labels(values)
        }
    }
}
