import Tensors

/// The bytes that surround an edge's numbers in a format of one edge a line.
struct EdgeTemplate {
    let beforeIn: [UInt8]
    let beforeOut: [UInt8]
    let beforeWeight: [UInt8]
    let end: [UInt8]

    init(_ beforeIn: String, _ beforeOut: String, _ beforeWeight: String, _ end: String) {
        self.beforeIn = Array(beforeIn.utf8)
        self.beforeOut = Array(beforeOut.utf8)
        self.beforeWeight = Array(beforeWeight.utf8)
        self.end = Array(end.utf8)
    }

    var count: Int { beforeIn.count + beforeOut.count + beforeWeight.count + end.count }
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
    private let isAbsolute: Bool
    private let infinity: InfinityText
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity = 1 << 16

    /// The longest text of two indices and a weight.
    private static let numbersLength = 20 + 20 + 32

    init(stream: ResultStream, isAbsolute: Bool, infinity: InfinityText) {
        self.stream = stream
        self.isAbsolute = isAbsolute
        self.infinity = infinity
        buffer = .allocate(capacity: capacity)
    }

    deinit { buffer.deallocate() }

    func write<Weight>(row: Int, _ edges: LayerEdges.Row<Weight>, _ template: EdgeTemplate) throws where Weight: CustomStringConvertible {
        let lineLength = template.count + Self.numbersLength
        if capacity < lineLength {
            buffer.deallocate()
            capacity = lineLength
            buffer = .allocate(capacity: capacity)
        }
        var end = buffer
        for place in edges.columns.indices {
            if capacity - (end - buffer) < lineLength {
                try stream.write(UnsafeRawBufferPointer(start: buffer, count: end - buffer))
                end = buffer
            }
            let weight = isAbsolute ? edges.weights[place].magnitude : edges.weights[place]
            Self.put(template.beforeIn, &end)
            Self.put(edges.columns[place], &end)
            Self.put(template.beforeOut, &end)
            Self.put(row, &end)
            Self.put(template.beforeWeight, &end)
            put(weight, &end)
            Self.put(template.end, &end)
        }
        try stream.write(UnsafeRawBufferPointer(start: buffer, count: end - buffer))
    }

    @inline(__always)
    private static func put(_ bytes: [UInt8], _ end: inout UnsafeMutablePointer<UInt8>) {
        bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { end.update(from: base, count: source.count) }
        }
        end += bytes.count
    }

    @inline(__always)
    private static func put(_ value: Int, _ end: inout UnsafeMutablePointer<UInt8>) {
        var rest = value
        var length = 1
        var limit = 10
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
