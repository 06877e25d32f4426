import Tensors

/// What a format of one edge a line says of an edge.
enum EdgeField: UInt8 {
    /// The in-neuron of the layer.
    case input
    /// The in-neuron as an out-neuron of the previous layer.
    case source
    case output
    case weight
    /// The cluster of the in-neuron.
    case inputCluster
    case outputCluster
}

/// The fields of a line, and the bytes around them.
struct EdgeTemplate {
    /// The texts before the fields, one after the other, then that after the last.
    fileprivate private(set) var texts: [UInt8] = []
    fileprivate private(set) var fields: [(field: EdgeField, textLength: Int)] = []
    private var textLength = 0

    fileprivate var longestLine: Int { texts.count + fields.count * Self.longestField }

    /// An index or a weight is never longer.
    private static let longestField = 32

    mutating func append(_ text: String) {
        texts += Array(text.utf8)
        textLength += text.utf8.count
    }

    mutating func append(_ field: EdgeField) {
        fields.append((field, textLength))
        textLength = 0
    }
}

/// The text for an infinite weight.
enum InfinityText: String {
    case word = "inf"
    /// JSON has no infinity.
    case null
    /// XML Schema's spelling.
    case xml = "INF"
}

/// Writes rows of edges as lines, many millions per second.
final class EdgeLines {
    private let stream: ResultStream
    private let layer: GraphLayer
    private let template: EdgeTemplate
    private let isAbsolute: Bool
    private let infinity: InfinityText
    private let buffer: UnsafeMutablePointer<UInt8>
    private let capacity: Int

    init(_ layer: GraphLayer, _ template: EdgeTemplate, stream: ResultStream, isAbsolute: Bool, infinity: InfinityText) {
        self.stream = stream
        self.layer = layer
        self.template = template
        self.isAbsolute = isAbsolute
        self.infinity = infinity
        capacity = max(1 << 16, template.longestLine)
        buffer = .allocate(capacity: capacity)
    }

    deinit { buffer.deallocate() }

    func write<Weight>(row: Int, _ edges: LayerEdges.Row<Weight>) throws where Weight: CustomStringConvertible {
        let longestLine = template.longestLine
        let (fold, outputCluster) = (layer.fold, layer.clusters?.out[row] ?? 0)
        let inputClusters = layer.clusters?.in ?? []
        var end = buffer
        try template.texts.withUnsafeBufferPointer { texts in
            for place in edges.columns.indices {
                if capacity - (end - buffer) < longestLine {
                    try stream.write(UnsafeRawBufferPointer(start: buffer, count: end - buffer))
                    end = buffer
                }
                let column = edges.columns[place]
                var text = 0
                for (field, length) in template.fields {
                    Self.put(texts[text..<text + length], &end)
                    text += length
                    switch field {
                    case .input: Self.put(column, &end)
                    case .source: Self.put(column / fold, &end)
                    case .output: Self.put(row, &end)
                    case .weight: put(isAbsolute ? edges.weights[place].magnitude : edges.weights[place], &end)
                    case .inputCluster: Self.put(inputClusters[column], &end)
                    case .outputCluster: Self.put(outputCluster, &end)
                    }
                }
                Self.put(texts[text...], &end)
            }
        }
        try stream.write(UnsafeRawBufferPointer(start: buffer, count: end - buffer))
    }

    @inline(__always)
    private static func put(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, _ end: inout UnsafeMutablePointer<UInt8>) {
        if let base = bytes.base.baseAddress { end.update(from: base + bytes.startIndex, count: bytes.count) }
        end += bytes.count
    }

    @inline(__always)
    private static func put(_ value: Int, _ end: inout UnsafeMutablePointer<UInt8>) {
        if value < 0 {
            end.pointee = UInt8(ascii: "-")
            end += 1
        }
        var rest = value.magnitude
        var length = 1
        var limit: UInt = 10
        while length < 19, rest >= limit {
            length += 1
            limit = limit &* 10
        }
        var place = length
        while place > 0 {
            place -= 1
            let quotient = rest / 10
            end[place] = UInt8(truncatingIfNeeded: 48 &+ rest &- quotient &* 10)
            rest = quotient
        }
        end += length
    }

    @inline(__always)
    private func put(_ weight: some BinaryFloatingPoint & CustomStringConvertible, _ end: inout UnsafeMutablePointer<UInt8>) {
        var text: String
        if weight.isFinite {
            text = weight.description
        } else {
            text = infinity == .null || weight > 0 ? infinity.rawValue : "-" + infinity.rawValue
        }
        text.withUTF8 { source in
            if let base = source.baseAddress { end.update(from: base, count: source.count) }
            end += source.count
        }
    }
}
