import Archives
import FoundationEssentials

/// Clusters as `cluster` writes them in json, one document, and in jsonl, one line a layer.
enum ClusterJSON {
    private struct Document: Decodable {
        let schema: String?
        let layers: [Entry]?
    }

    private struct Line: Decodable {
        let schema: String?
    }

    private struct Entry: Decodable {
        let layer: String
        let k: Int?
        let out: [Int]
        let `in`: [Int]
    }

    /// The layers in the file's order.
    static func layers(_ content: ByteRegion, path: String) throws -> [ClusterFile.Layer] {
        let data = content.withUnsafeBytes { Data($0) }
        let entries: [Entry]
        // A document is one value; several lines that are values of their own are not.
        if let document = try? JSONDecoder().decode(Document.self, from: data), let layers = document.layers {
            try check(document.schema, path)
            entries = layers
        } else {
            entries = try lines(data, path: path)
        }
        return try entries.map { entry in
            if let k = entry.k, !(0...ClusterCounts.largest).contains(k) {
                throw ClusterFileError(
                    path: path, layer: entry.layer, problem: "has an impossible number of clusters",
                    expected: "0 to \(ClusterCounts.largest)",
                    found: "\(k)")
            }
            var layer = ClusterFile.Layer(name: entry.layer, clusterCount: entry.k)
            layer.out.neurons = entry.out.enumerated().map { ($0, $1) }
            layer.in.neurons = entry.in.enumerated().map { ($0, $1) }
            return layer
        }
    }

    private static func lines(_ data: Data, path: String) throws -> [Entry] {
        var entries: [Entry] = []
        for (place, line) in data.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ [32, 9, 13].contains($0) }) { continue }
            do {
                try check(try JSONDecoder().decode(Line.self, from: Data(line)).schema, path)
                entries.append(try JSONDecoder().decode(Entry.self, from: Data(line)))
            } catch let error as ClusterFileError {
                throw error
            } catch {
                throw ClusterFileError(
                    path: path, problem: "line \(place + 1) holds no clusters",
                    expected: "the json, jsonl or tsv of modinspect cluster", found: words(error))
            }
        }
        return entries
    }

    private static func check(_ schema: String?, _ path: String) throws(ClusterFileError) {
        if let schema, schema != ClusterSetting.schema {
            throw ClusterFileError(path: path, problem: "has another schema", expected: ClusterSetting.schema, found: "'\(schema)'")
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "no \"\(key.stringValue)\""
        case DecodingError.typeMismatch(_, let context): "another type at " + context.codingPath.map(\.stringValue).joined(separator: ".")
        default: "text that is no such JSON"
        }
    }
}
