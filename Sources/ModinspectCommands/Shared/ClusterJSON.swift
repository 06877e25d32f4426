import Archives
import Text

/// Clusters as `cluster` writes them in json, one document, and in jsonl, one line a layer.
enum ClusterJSON {
    /// The layers in the file's order, in memory for their labels alone.
    static func layers(_ content: ByteRegion, path: String) throws -> [ClusterFile.Layer] {
        var layers: [ClusterFile.Layer] = []
        try JSONResults.forEach(
            in: content, path: path, problem: "holds no clusters", expected: "the json, jsonl or tsv of modinspect cluster",
            checking: { schema in
                if let schema, schema != ClusterSetting.schema {
                    throw Problem(file: path, problem: "has a different schema", expected: ClusterSetting.schema, found: "'\(schema)'")
                }
            },
            document: "layers", { cursor in layers.append(try layer(&cursor)) })
        try checkCounts(of: layers, path: path)
        return layers
    }

    private static func checkCounts(of layers: [ClusterFile.Layer], path: String) throws {
        for layer in layers {
            if let k = layer.clusterCount, !(0...ClusterCounts.largest).contains(k) {
                throw Problem(
                    file: path, layer: layer.name, problem: "has an impossible number of clusters",
                    expected: "0 to \(ClusterCounts.largest)", found: "\(k)")
            }
        }
    }

    /// The layers in the note of a checkpoint; none if it was trained without clusters.
    static func archived(_ note: ByteRegion, path: String) throws -> [ClusterFile.Layer] {
        guard note.count <= JSONResults.maximumLength else {
            throw Problem(
                file: path, problem: "modinspect.json is too long", expected: "at most \(JSONResults.maximumLength) bytes",
                found: "\(note.count)")
        }
        var layers: [ClusterFile.Layer] = []
        do {
            try note.withUnsafeBytes { bytes in
                var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
                try cursor.readObject { cursor, key in
                    guard key == "clusters" else { return try cursor.skip() }
                    layers = []
                    if !cursor.takeNull() { try cursor.readList { cursor in layers.append(try layer(&cursor)) } }
                }
                try cursor.readEnd()
            }
        } catch {
            let reason = Problem(error)
            throw Problem(
                file: path, problem: "modinspect.json is damaged", expected: reason.expected, found: reason.found ?? reason.what)
        }
        try checkCounts(of: layers, path: path)
        return layers
    }

    private static func layer(_ cursor: inout JSONCursor) throws -> ClusterFile.Layer {
        var name: String?
        var count: Int?
        var (out, input): ([Int]?, [Int]?)
        try cursor.readObject { cursor, key in
            switch key {
            case "layer": name = try cursor.readText()
            case "k": count = cursor.takeNull() ? nil : try cursor.readInteger()
            case "out": out = try cursor.readIntegers()
            case "in": input = try cursor.readIntegers()
            default: try cursor.skip()
            }
        }
        var layer = ClusterFile.Layer(name: try JSONResults.member(name, "layer"), clusterCount: count)
        layer.out = .labels(try JSONResults.member(out, "out"))
        layer.in = .labels(try JSONResults.member(input, "in"))
        return layer
    }
}
