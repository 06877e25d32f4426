import Archives
import Checkpoints
import Circuits
import FoundationEssentials
import Text

/// Circuits that were written before: the json or jsonl of `circuit`, or the npz of its masks.
struct CircuitFile {
    typealias Circuit = CircuitCollection.Circuit

    let path: String
    let content: ByteRegion
    let circuits: [Circuit]

    /// Reads the file, or standard input for `-`; its first bytes tell what it is.
    init(path: String) throws {
        self.path = path
        do {
            content =
                path == "-"
                ? try ByteRegion.standardInput(isKnown: Self.isKnown) : try ByteRegion.contents(path: path, isKnown: Self.isKnown)
        } catch {
            throw Problem(file: path, problem: "\(error)")
        }
        let head = content.bytes(0..<min(content.count, ByteRegion.headLength)) ?? []
        if Self.isJSON(head) {
            circuits = try Self.json(content, path: path)
        } else if Self.isKnown(head) {
            circuits = try Self.masks(content, path: path)
        } else {
            throw Problem(
                file: path, problem: "holds no circuits", expected: "the json or jsonl of modinspect circuit, or the npz of its --masks")
        }
        guard !circuits.isEmpty else { throw Problem(file: path, problem: "holds no circuits", expected: "at least one") }
    }

    private static func isJSON(_ head: [UInt8]) -> Bool { head.first { ![32, 9, 10, 13].contains($0) } == UInt8(ascii: "{") }

    private static func isKnown(_ head: [UInt8]) -> Bool { isJSON(head) || head.starts(with: [0x50, 0x4B]) }

    private struct Document: Decodable {
        let schema: String?
        let circuits: [Entry]?
    }

    private struct Entry: Decodable {
        struct Layer: Decodable {
            let layer: String
            let shape: [Int]?
            let places: [Int]
        }

        struct Edge: Decodable {
            let source: String
            let target: String
        }

        let schema: String?
        let label: Int?
        let weights: Int?
        let layers: [Layer]?
        let edges: [Edge]?
        let effectiveSize: Double?

        /// The edges of the graph: those that are kept are the effective size's share of them.
        var edgeCount: Int? {
            guard let edges, !edges.isEmpty, let effectiveSize, effectiveSize > 0 else { return nil }
            return Int(exactly: (Double(edges.count) / effectiveSize).rounded())
        }
    }

    private static func json(_ content: ByteRegion, path: String) throws -> [Circuit] {
        let data = content.withUnsafeBytes { Data($0) }
        let entries: [Entry]
        if let document = try? JSONDecoder().decode(Document.self, from: data), let circuits = document.circuits {
            try check(document.schema, path)
            entries = circuits
        } else {
            entries = try data.split(separator: 10).enumerated().compactMap { place, line in
                if line.allSatisfy({ [32, 9, 13].contains($0) }) { return nil }
                guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else {
                    throw Problem(
                        file: path, problem: "line \(place + 1) holds no circuit", expected: "the json or jsonl of modinspect circuit")
                }
                try check(entry.schema, path)
                return entry
            }
        }
        return try entries.enumerated().map { place, entry in
            if let edges = entry.edges {
                return Circuit(
                    label: entry.label, kind: .edges, groups: edges.map { ($0.source + " -> " + $0.target, [0]) },
                    available: entry.edgeCount)
            }
            guard let layers = entry.layers else {
                throw Problem(file: path, problem: "circuit \(place) has neither weights nor edges")
            }
            if let layer = layers.first(where: { $0.places.contains { $0 < 0 || $0 >= 1 << 40 } }) {
                throw Problem(
                    file: path, problem: "circuit \(place) has a weight that '\(layer.layer)' cannot have", expected: "places of at least 0"
                )
            }
            return Circuit(
                label: entry.label, kind: .weights, groups: layers.map { ($0.layer, $0.places) }, available: entry.weights,
                shapes: Dictionary(layers.compactMap { layer in layer.shape.map { (layer.layer, $0) } }) { first, _ in first })
        }
    }

    private static func check(_ schema: String?, _ path: String) throws {
        guard schema == CircuitSetting.schema || schema == EdgeReport.schema else {
            throw Problem(
                file: path, problem: "holds something else than circuits", expected: CircuitSetting.schema, found: schema)
        }
    }

    /// Masks by the folder that they are in; what is not zero is kept.
    private static func masks(_ content: ByteRegion, path: String) throws -> [Circuit] {
        var circuits: [(folder: String, groups: [(name: String, elements: [Int])], shapes: [String: [Int]])] = []
        for tensor in try Checkpoint.open(content, path: path).tensors {
            guard [.bool, .u8, .i8].contains(tensor.dtype) else {
                throw Problem(
                    file: path, problem: "array '\(tensor.name)' is no mask", expected: "bool, u8 or i8", found: tensor.dtype.rawValue)
            }
            let parts = tensor.name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let folder = parts.count == 2 ? parts[0] : ""
            var values = [Float](repeating: 0, count: tensor.elementCount)
            values.withUnsafeMutableBufferPointer { tensor.fill($0, elements: 0..<tensor.elementCount) }
            let kept = values.indices.filter { values[$0] != 0 }
            let place = circuits.firstIndex { $0.folder == folder } ?? circuits.count
            if place == circuits.count { circuits.append((folder, [], [:])) }
            circuits[place].groups.append((parts[parts.count - 1], kept))
            circuits[place].shapes[parts[parts.count - 1]] = tensor.shape
        }
        return circuits.map { Circuit(label: Int($0.folder), kind: .weights, groups: $0.groups, available: nil, shapes: $0.shapes) }
    }
}
