import Foundation

/// The labels of a file of clusters as rows, by layer and side, in the order of the rows.
package enum ClusterRows {
    package static func labels(_ path: String) throws -> [String: [String: [Int]]] {
        var labels: [String: [String: [Int]]] = [:]
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t")
            guard fields.count == 4, let label = Int(fields[3]) else { throw CocoaError(.fileReadCorruptFile) }
            labels[String(fields[0]), default: [:]][String(fields[1]), default: []].append(label)
        }
        return labels
    }
}
