import Archives
import Text

/// A neuron and its cluster.
struct ClusteredNeuron: ColumnRow {
    let layer: String
    let side: String
    let index: Int
    let cluster: Int

    static let columns: [Column<ClusteredNeuron>] = [
        .text("layer", "The tensor's name.") { $0.layer },
        .text("side", "`out` or `in`.") { $0.side },
        .whole("index", "The neuron, from 0.") { $0.index },
        .whole("cluster", "Its cluster, from 0, or -1 for none.") { $0.cluster },
    ]
}

/// Clusters as rows: `layer  side  index  cluster`, in any order.
enum ClusterTSV {
    static let header = String(ClusteredNeuron.columns.header().dropLast())

    /// The layers in the order of their first rows.
    static func layers(_ content: ByteRegion, path: String) throws -> [ClusterFile.Layer] {
        try content.withUnsafeBytes { bytes in
            var layers: [ClusterFile.Layer] = []
            var places: [String: Int] = [:]
            var lastName: (bytes: Range<Int>, place: Int)?
            var start = 0
            var number = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
                defer { start = end + 1 }
                number += 1
                let stop = end > start && bytes[end - 1] == 13 ? end - 1 : end
                if number == 1 {
                    guard bytes[start..<stop].elementsEqual(header.utf8) else {
                        throw Problem(
                            file: path, problem: "the first line is not the header of a file of clusters",
                            expected: ClusteredNeuron.columns.map(\.name).joined(separator: ", ") + " between tabs",
                            found: "'\(String(decoding: bytes[start..<min(stop, start + 60)], as: UTF8.self))'")
                    }
                    continue
                }
                if start == stop { continue }
                let fields = fields(bytes, start..<stop)
                guard fields.count == 4 else {
                    throw Problem(
                        file: path, problem: "line \(number) is not a row of a file of clusters", expected: "4 fields",
                        found: "\(fields.count)")
                }
                let place: Int
                if let last = lastName, bytes[last.bytes].elementsEqual(bytes[fields[0]]) {
                    place = last.place
                } else {
                    let name = TSV.unescaped(String(decoding: bytes[fields[0]], as: UTF8.self))
                    place = places[name] ?? layers.count
                    if place == layers.count {
                        places[name] = place
                        layers.append(ClusterFile.Layer(name: name))
                    }
                    lastName = (fields[0], place)
                }
                guard let index = integer(bytes[fields[2]]), index >= 0, let label = integer(bytes[fields[3]]) else {
                    throw Problem(file: path, problem: "line \(number) has an index or a cluster that is not a whole number")
                }
                if bytes[fields[1]].elementsEqual("out".utf8) {
                    layers[place].out.append(index, label)
                } else if bytes[fields[1]].elementsEqual("in".utf8) {
                    layers[place].in.append(index, label)
                } else {
                    throw Problem(
                        file: path, problem: "line \(number) has an unknown side", expected: "out or in",
                        found: "'\(String(decoding: bytes[fields[1]].prefix(40), as: UTF8.self))'")
                }
            }
            return layers
        }
    }

    private static func fields(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> [Range<Int>] {
        var fields: [Range<Int>] = []
        var start = line.lowerBound
        for place in line where bytes[place] == 9 {
            fields.append(start..<place)
            start = place + 1
        }
        fields.append(start..<line.upperBound)
        return fields
    }

    private static func integer(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard digits.count <= 20 else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
