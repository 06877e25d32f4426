import Text

/// Operations of one output without tensors.
extension WordOperations {
    static func detach(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        try SettingsReader(element).end()
        try graph.add(graph.site(element), Detachment(), [graph.current], for: element)
    }

    static func upsample(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let (rows, columns) = try settings.pair("size", default: nil, minimum: 1, isPositional: true)
        try settings.end()
        try graph.add(graph.site(element), Upsampling(rows: rows, columns: columns), [graph.current], for: element)
    }
}
