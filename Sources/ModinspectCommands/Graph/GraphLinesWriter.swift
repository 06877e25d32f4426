import Text

/// Writes a graph in a format of text, one layer after the other, so that no more than a few rows of it are in memory.
struct GraphLinesWriter {
    let format: GraphFormat
    let stream: ResultStream
    let rule: EdgeRule
    /// Whether magnitudes are written in place of the signed weights.
    let isAbsolute: Bool
    let layers: [GraphLayer]
    /// Whether the layers are joined.
    let isChained: Bool

    private var hasClusters: Bool { layers.contains { $0.clusters != nil } }

    /// Writes the graph.
    ///
    /// - Parameters:
    ///   - head: the head of json and jsonl.
    ///   - didWrite: called after each layer.
    /// - Returns: for each layer the number of weights that are not a number.
    func write(head: Provenanced<GraphHead>, didWrite: () -> Void) throws -> [(String, Int)] {
        try begin(head)
        // In json all neurons precede all edges.
        if format == .json {
            for (place, layer) in layers.enumerated() { try writeNodes(layer, isFirst: place == 0) }
            try stream.write("\n],\n\"edges\": [")
        }
        var undefined: [(String, Int)] = []
        var isFirst = true
        for layer in layers {
            if format == .graphml || format == .dot && hasClusters { try writeNodes(layer, isFirst: false) }
            undefined.append((layer.layer.name, try writeEdges(layer, isFirst: &isFirst)))
            didWrite()
        }
        try end()
        return undefined
    }

    private func begin(_ head: Provenanced<GraphHead>) throws {
        switch format {
        case .tsv: try stream.write(GraphEdge.columns(isChained: isChained, hasClusters: hasClusters).header())
        case .jsonl: try stream.write(try ReportEncoder.bytes(of: head, isIndented: false))
        case .json:
            // The members that follow are written as they come: the head is left open.
            var text = try ReportEncoder.bytes(of: head, isIndented: false)
            text.removeLast(2)
            try stream.write(text)
            let isMultigraph = layers.contains { $0.fold > 1 }
            try stream.write(",\n\"directed\": true, \"multigraph\": \(isMultigraph),\n\"nodes\": [")
        case .dot: try stream.write("digraph weights {\n")
        case .graphml:
            try stream.write(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <graphml xmlns="http://graphml.graphdrawing.org/xmlns">
                <key id="label" for="node" attr.name="label" attr.type="string"/>
                <key id="layer" for="node" attr.name="layer" attr.type="string"/>
                <key id="side" for="node" attr.name="side" attr.type="string"/>
                <key id="index" for="node" attr.name="index" attr.type="long"/>

                """)
            if hasClusters { try stream.write("<key id=\"cluster\" for=\"node\" attr.name=\"cluster\" attr.type=\"int\"/>\n") }
            try stream.write(
                """
                <key id="weight" for="edge" attr.name="weight" attr.type="double"/>
                <graph edgedefault="directed">

                """)
        case .npz, .svg: preconditionFailure("\(format.rawValue) has no lines")
        }
    }

    private func end() throws {
        switch format {
        case .dot: try stream.write("}\n")
        case .graphml: try stream.write("</graph>\n</graphml>\n")
        case .json: try stream.write("\n]}\n")
        case .tsv, .jsonl, .npz, .svg: break
        }
    }

    // MARK: - Edges

    private func writeEdges(_ layer: GraphLayer, isFirst: inout Bool) throws -> Int {
        let infinity: InfinityText = format.hasProvenance ? .null : format == .graphml ? .xml : .word
        func lines(_ template: EdgeTemplate) -> EdgeLines {
            EdgeLines(layer, template, stream: stream, isAbsolute: isAbsolute, infinity: infinity)
        }
        let edges = try LayerEdges(layer.layer, rule: rule)
        guard format == .json else {
            let lines = lines(template(layer))
            return try edges.forEachRow(single: { try lines.write(row: $0, $1) }, double: { try lines.write(row: $0, $1) })
        }
        // Elements are divided by commas: the comma ends each, and the first has none before it.
        let others = lines(jsonElement(layer, separator: ",\n"))
        let first = lines(jsonElement(layer, separator: "\n"))
        func write<Weight>(_ row: Int, _ edges: LayerEdges.Row<Weight>) throws where Weight: CustomStringConvertible {
            guard isFirst else { return try others.write(row: row, edges) }
            isFirst = false
            var (start, rest) = (edges, edges)
            start.columns = Array(edges.columns.prefix(1))
            rest.columns = Array(edges.columns.dropFirst())
            rest.weights = Array(edges.weights.dropFirst())
            try first.write(row: row, start)
            try others.write(row: row, rest)
        }
        return try edges.forEachRow(single: { try write($0, $1) }, double: { try write($0, $1) })
    }

    private func template(_ layer: GraphLayer) -> EdgeTemplate {
        var template = EdgeTemplate()
        switch format {
        case .tsv: appendRow(layer, to: &template)
        case .jsonl: appendObject(layer, to: &template)
        case .dot:
            template.append("  \"\(Self.dot(layer.inputPrefix))")
            template.append(.source)
            template.append("\" -> \"\(Self.dot(layer.outputPrefix))")
            template.append(.output)
            template.append("\" [weight=\"")
            template.append(.weight)
            template.append("\"];\n")
        case .graphml:
            template.append("<edge source=\"\(Self.xml(layer.inputPrefix))")
            template.append(.source)
            template.append("\" target=\"\(Self.xml(layer.outputPrefix))")
            template.append(.output)
            template.append("\"><data key=\"weight\">")
            template.append(.weight)
            template.append("</data></edge>\n")
        case .json, .npz, .svg: preconditionFailure("\(format.rawValue) has no lines")
        }
        return template
    }

    private func appendRow(_ layer: GraphLayer, to template: inout EdgeTemplate) {
        template.append(TSV.escaped(layer.layer.name) + "\t")
        template.append(.input)
        template.append("\t")
        template.append(.output)
        template.append("\t")
        template.append(.weight)
        if isChained {
            template.append("\t" + layer.inputPrefix)
            template.append(.source)
            template.append("\t" + layer.outputPrefix)
            template.append(.output)
        }
        if layer.clusters != nil {
            template.append("\t")
            template.append(.inputCluster)
            template.append("\t")
            template.append(.outputCluster)
        }
        template.append("\n")
    }

    private func appendObject(_ layer: GraphLayer, to template: inout EdgeTemplate) {
        let keys = GraphEdge.columns.map { "\(JSONText.string($0.path[0])):" }
        template.append("{\(keys[0])\(JSONText.string(layer.layer.name)),\(keys[1])")
        template.append(.input)
        template.append("," + keys[2])
        template.append(.output)
        template.append("," + keys[3])
        template.append(.weight)
        if isChained {
            template.append(",")
            appendNeurons(layer, to: &template)
        }
        if layer.clusters != nil {
            let keys = GraphEdge.clusterColumns.map { ",\(JSONText.string($0.path[0])):" }
            template.append(keys[0])
            template.append(.inputCluster)
            template.append(keys[1])
            template.append(.outputCluster)
        }
        template.append("}\n")
    }

    /// The members with the names of both neurons.
    private func appendNeurons(_ layer: GraphLayer, to template: inout EdgeTemplate) {
        let keys = GraphEdge.neuronColumns.map { "\(JSONText.string($0.path[0])):" }
        template.append(keys[0] + JSONText.string(layer.inputPrefix).dropLast())
        template.append(.source)
        template.append("\"," + keys[1] + JSONText.string(layer.outputPrefix).dropLast())
        template.append(.output)
        template.append("\"")
    }

    private func jsonElement(_ layer: GraphLayer, separator: String) -> EdgeTemplate {
        var template = EdgeTemplate()
        template.append(separator + "{")
        appendNeurons(layer, to: &template)
        template.append(",\"weight\":")
        template.append(.weight)
        template.append("}")
        return template
    }

    // MARK: - Nodes

    private func writeNodes(_ layer: GraphLayer, isFirst: Bool) throws {
        var text = ByteText()
        var isFirst = isFirst
        try layer.forEachNode { node in
            switch format {
            case .graphml: Self.append(graphML: node, to: &text)
            case .dot: Self.append(dot: node, to: &text)
            case .json:
                text.append(text: isFirst ? "\n" : ",\n")
                text.append(bytes: try ReportEncoder.bytes(of: node, isIndented: false).dropLast())
                isFirst = false
            case .tsv, .jsonl, .npz, .svg: preconditionFailure("\(format.rawValue) has no nodes")
            }
            if text.bytes.count > 1 << 15 {
                try stream.write(text.bytes)
                text.removeAll()
            }
        }
        try stream.write(text.bytes)
    }

    private static func append(graphML node: GraphNode, to text: inout ByteText) {
        let id = xml(node.id)
        text.append(text: "<node id=\"\(id)\"><data key=\"label\">\(id)</data><data key=\"layer\">\(xml(TSV.escaped(node.layer)))</data>")
        text.append(text: "<data key=\"side\">\(node.side)</data><data key=\"index\">\(node.index)</data>")
        if let cluster = node.cluster { text.append(text: "<data key=\"cluster\">\(cluster)</data>") }
        text.append("</node>\n")
    }

    private static func append(dot node: GraphNode, to text: inout ByteText) {
        text.append(
            text: "  \"\(dot(node.id))\" [layer=\"\(dot(TSV.escaped(node.layer)))\", side=\"\(node.side)\", index=\"\(node.index)\"")
        if let cluster = node.cluster {
            // One of twelve colours that Graphviz knows, so that the clusters are seen.
            let colour = cluster >= 0 ? "/paired12/\(cluster % 12 + 1)" : "white"
            text.append(text: ", cluster=\"\(cluster)\", style=\"filled\", fillcolor=\"\(colour)\"")
        }
        text.append("];\n")
    }

    /// A name, escaped as in TSV, inside the quotation marks of a DOT identifier.
    private static func dot(_ name: String) -> String {
        var text = ""
        for character in name {
            if character == "\"" { text.append("\\") }
            text.append(character)
        }
        return text
    }

    /// A name, escaped as in TSV, as XML text.
    private static func xml(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "\u{FFFE}", "\u{FFFF}": text += scalar.escaped(asASCII: true)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
