import Archives
import Circuits
import Text

/// Circuits as `circuit` writes them in json, one document, and in jsonl, one line a circuit.
enum CircuitJSON {
    /// The circuits in the file's order.
    static func circuits(_ content: ByteRegion, path: String) throws -> [CircuitFile.Circuit] {
        var circuits: [CircuitFile.Circuit] = []
        try JSONResults.forEach(
            in: content, path: path, problem: "holds no circuit", expected: "the json or jsonl of modinspect circuit",
            checking: { schema in
                guard schema == CircuitSetting.schema || schema == EdgeReport.schema else {
                    throw Problem(
                        file: path, problem: "does not hold circuits", expected: CircuitSetting.schema, found: schema)
                }
            },
            document: "circuits", { cursor in circuits.append(try circuit(&cursor, place: circuits.count, path: path)) })
        return circuits
    }

    private static func circuit(_ cursor: inout JSONCursor, place: Int, path: String) throws -> CircuitFile.Circuit {
        var (label, weights): (Int?, Int?)
        var effectiveSize: Double?
        var (layers, edges): ([Layer]?, [(name: String, elements: [Int])]?)
        // One list for all edges: each is the only part of its group.
        let only = [0]
        try cursor.readObject { cursor, key in
            switch key {
            case "label": label = cursor.takeNull() ? nil : try cursor.readInteger()
            case "weights": weights = cursor.takeNull() ? nil : try cursor.readInteger()
            case "effectiveSize": effectiveSize = cursor.takeNull() ? nil : try cursor.readDouble()
            case "layers" where !cursor.takeNull():
                var found: [Layer] = []
                try cursor.readList { cursor in found.append(try layer(&cursor)) }
                layers = found
            case "edges" where !cursor.takeNull():
                var found: [(name: String, elements: [Int])] = []
                try cursor.readList { cursor in found.append((try edge(&cursor), only)) }
                edges = found
            case "layers", "edges": break
            default: try cursor.skip()
            }
        }
        if let edges {
            // The edges of the graph: those that are kept are the effective size's share of them.
            let graph = effectiveSize.flatMap { $0 > 0 && !edges.isEmpty ? Int(exactly: (Double(edges.count) / $0).rounded()) : nil }
            return .init(label: label, kind: .edges, groups: edges, available: graph)
        }
        guard let layers else { throw Problem(file: path, problem: "circuit \(place) has neither weights nor edges") }
        if let layer = layers.first(where: { $0.places.contains { $0 < 0 || $0 >= 1 << 40 } }) {
            throw Problem(
                file: path, problem: "circuit \(place) has a weight that '\(layer.name)' cannot have", expected: "places of at least 0")
        }
        return .init(
            label: label, kind: .weights, groups: layers.map { ($0.name, $0.places) }, available: weights,
            shapes: Dictionary(layers.compactMap { layer in layer.shape.map { (layer.name, $0) } }) { first, _ in first })
    }

    private struct Layer {
        let name: String
        let shape: [Int]?
        let places: [Int]
    }

    private static func layer(_ cursor: inout JSONCursor) throws -> Layer {
        var name: String?
        var (shape, places): ([Int]?, [Int]?)
        try cursor.readObject { cursor, key in
            switch key {
            case "layer": name = try cursor.readText()
            case "shape": shape = cursor.takeNull() ? nil : try cursor.readIntegers()
            case "places": places = try cursor.readIntegers()
            default: try cursor.skip()
            }
        }
        return Layer(name: try JSONResults.member(name, "layer"), shape: shape, places: try JSONResults.member(places, "places"))
    }

    /// The name of an edge by its ends.
    private static func edge(_ cursor: inout JSONCursor) throws -> String {
        var (source, target): (String?, String?)
        try cursor.readObject { cursor, key in
            switch key {
            case "source": source = try cursor.readText()
            case "target": target = try cursor.readText()
            default: try cursor.skip()
            }
        }
        return try JSONResults.member(source, "source") + " -> " + JSONResults.member(target, "target")
    }
}
