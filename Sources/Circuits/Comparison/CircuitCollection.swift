/// The circuits of one file.
package struct CircuitCollection: Sendable {
    /// What circuits consist of.
    package enum Kind: String, Sendable {
        case weights, edges
    }

    /// One circuit as a list of named parts.
    package struct Circuit: Sendable {
        package let label: Int?
        package let kind: Kind
        /// The kept parts of each group: places in a tensor, or 0 for an edge.
        package let groups: [(name: String, elements: [Int])]
        /// The parts that could have been kept, if that is known.
        package let available: Int?
        /// The shapes of the tensors, if they are known.
        package var shapes: [String: [Int]]

        package init(
            label: Int?, kind: Kind, groups: [(name: String, elements: [Int])], available: Int?, shapes: [String: [Int]] = [:]
        ) {
            self.label = label
            self.kind = kind
            self.groups = groups
            self.available = available
            self.shapes = shapes
        }
    }

    /// The file; `-` for standard input.
    package let path: String
    package let circuits: [Circuit]

    package init(path: String, _ circuits: [Circuit]) {
        self.path = path
        self.circuits = circuits
    }

    /// What problems name the file by.
    var name: String { path == "-" ? "standard input" : path }
}
