import Text

/// Tables whose entries are looked up: by tokens, or by positions.
extension WordOperations {
    static func positions(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let padding = try settings.optionalInteger("padding", minimum: 0)
        let (name, table) = try table(&settings, "positions(TENSOR)", "positions x width", padding: padding, graph, element)
        let before = graph.current
        let positions = PositionEmbedding(layout: .rows, padding: padding)
        try graph.add(graph.unique(name), positions, [], parameters: [table], for: element)
        try graph.add(graph.site(element), Sum(), [before, graph.current], for: element)
    }

    static func embedding(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let scale = try settings.signed("scale", default: 1)
        let padding = try settings.optionalInteger("padding", minimum: 0)
        let (name, table) = try table(&settings, "embedding(TENSOR)", "entries x width", padding: padding, graph, element)
        guard graph.nodes.isEmpty else {
            throw graph.failure("reads tokens", element, expected: "the first element", found: Networks.words(table.shape))
        }
        let embedding = Embedding(layout: .rows, scale: Float(scale), padding: padding)
        try graph.add(graph.unique(name), embedding, [], parameters: [table], for: element)
    }

    /// The only tensor that an element names, which is a table with an entry for the padding.
    private static func table(
        _ settings: inout SettingsReader, _ form: String, _ sides: String, padding: Int?, _ graph: WordGraph, _ element: Element
    ) throws(Problem) -> (String, NetworkGraph.Parameter) {
        let words = settings.unnamed()
        try settings.end()
        guard words.count == 1 else { throw graph.failure("names no table", element, expected: form) }
        let table = try graph.parameter(words[0], of: element)
        guard table.shape.count == 2 else {
            throw graph.failure("names no table", element, expected: sides, found: Networks.words(table.shape))
        }
        if let padding, padding >= table.shape[0] {
            throw graph.failure(
                "has no such entry for its padding", element, expected: "0 to \(table.shape[0] - 1)", found: "\(padding)")
        }
        return (words[0], table)
    }
}
