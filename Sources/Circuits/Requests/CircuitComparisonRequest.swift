import Text

/// A request for the overlap of the circuits in several files.
package struct CircuitComparisonRequest: Sendable {
    package let files: [CircuitCollection]

    /// The circuits that are compared at once: every one is compared with every other.
    package static let mostCompared = 1000

    package init(_ files: [CircuitCollection]) { self.files = files }

    /// - Throws: ``Problem`` for circuits that are not of one kind and one model, and for too few or too many; the latter has no path.
    package func run() throws -> CircuitComparison {
        if let first = files.first, let kind = first.circuits.first?.kind,
            let other = files.first(where: { $0.circuits.contains { $0.kind != kind } })
        {
            throw Problem("holds circuits of a different kind", path: other.path, expected: "\(kind.rawValue) as \(first.path)")
        }
        try checkShapes()
        let total = files.reduce(0) { $0 + $1.circuits.count }
        guard (2...Self.mostCompared).contains(total) else {
            throw Problem("cannot be compared", expected: "2 to \(Self.mostCompared) circuits", found: "\(total)")
        }
        return CircuitComparison(files)
    }

    /// Places in tensors of other shapes are other weights, and edges of another graph other edges.
    private func checkShapes() throws {
        var known: [String: (shape: [Int], path: String)] = [:]
        var graph: (edges: Int, path: String)?
        for file in files {
            for edges in file.circuits.filter({ $0.kind == .edges }).compactMap(\.available) {
                if let graph, graph.edges != edges {
                    throw Problem(
                        "holds circuits of another graph than \(graph.path)", path: file.name, expected: "\(graph.edges) edges",
                        found: "\(edges)")
                }
                graph = (edges, file.path)
            }
            for (name, shape) in file.circuits.flatMap({ $0.shapes.sorted { $0.key < $1.key } }) {
                guard let other = known[name] else {
                    known[name] = (shape, file.path)
                    continue
                }
                if other.shape != shape {
                    throw Problem(
                        "tensor '\(name)': has a different shape than in \(other.path)", path: file.name, expected: Self.words(other.shape),
                        found: Self.words(shape))
                }
            }
        }
    }

    private static func words(_ shape: [Int]) -> String { shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: "x") }
}
