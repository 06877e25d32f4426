import Archives
import Checkpoints

/// Writes a graph as the arrays of scipy's compressed sparse rows: for each layer `LAYER/data`, `LAYER/indices`, `LAYER/indptr` and
/// `LAYER/shape`; rows are out-neurons. With clusters also `LAYER/out_clusters` and `LAYER/in_clusters`.
///
/// An array's length precedes it, so a layer is read once to count its edges and once for each array.
struct GraphNPZWriter {
    private let archive: ArchiveWriter
    private let rule: EdgeRule
    private let isAbsolute: Bool

    init(stream: ResultStream, rule: EdgeRule, isAbsolute: Bool) throws {
        archive = try ArchiveWriter(.zip) { try stream.write($0) }
        self.rule = rule
        self.isAbsolute = isAbsolute
    }

    /// Writes a layer.
    ///
    /// - Returns: the number of weights that are not a number.
    func write(_ graphLayer: GraphLayer) throws -> Int {
        let layer = graphLayer.layer
        let edges = try LayerEdges(layer, rule: rule)
        var rowStarts = [0]
        rowStarts.reserveCapacity(layer.outNeurons + 1)
        var counts = [Int](repeating: 0, count: layer.outNeurons)
        let undefined = try edges.forEachRow(
            single: { counts[$0] = $1.columns.count }, double: { counts[$0] = $1.columns.count })
        for count in counts { rowStarts.append((rowStarts.last ?? 0) + count) }
        let total = rowStarts.last ?? 0
        let isWide = max(total, layer.inNeurons) > Int(Int32.max)

        try begin(
            "\(layer.name)/data.npy", type: layer.isSinglePrecision ? "<f4" : "<f8", width: layer.isSinglePrecision ? 4 : 8, count: total)
        _ = try edges.forEachRow(
            single: { try write($1.weights.map { isAbsolute ? $0.magnitude : $0 }) },
            double: { try write($1.weights.map { isAbsolute ? $0.magnitude : $0 }) })
        try begin("\(layer.name)/indices.npy", type: isWide ? "<i8" : "<i4", width: isWide ? 8 : 4, count: total)
        _ = try edges.forEachRow(
            single: { try write(indices: $1.columns, isWide: isWide) }, double: { try write(indices: $1.columns, isWide: isWide) })
        try begin("\(layer.name)/indptr.npy", type: isWide ? "<i8" : "<i4", width: isWide ? 8 : 4, count: rowStarts.count)
        try write(indices: rowStarts, isWide: isWide)
        try begin("\(layer.name)/shape.npy", type: "<i8", width: 8, count: 2)
        try write(indices: [layer.outNeurons, layer.inNeurons], isWide: true)
        if let clusters = graphLayer.clusters {
            for (side, labels) in [("out", clusters.out), ("in", clusters.in)] {
                try begin("\(layer.name)/\(side)_clusters.npy", type: "<i4", width: 4, count: labels.count)
                try write(indices: labels, isWide: false)
            }
        }
        return undefined
    }

    func end() throws { try archive.finish() }

    private func begin(_ name: String, type: String, width: Int, count: Int) throws {
        let header = NPY.header(type: type, shape: [count])
        try archive.begin(name: name, size: header.count + count * width)
        try header.withUnsafeBytes { try archive.write($0) }
    }

    private func write(_ numbers: [some BitwiseCopyable]) throws {
        try numbers.withUnsafeBytes { try archive.write($0) }
    }

    private func write(indices: [Int], isWide: Bool) throws {
        if isWide { try write(indices.map(Int64.init)) } else { try write(indices.map(Int32.init(truncatingIfNeeded:))) }
    }
}
