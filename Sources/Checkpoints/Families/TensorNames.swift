/// The names and shapes of a checkpoint's tensors, as a family's recognition asks for them.
package struct TensorNames: Sendable {
    private let names: [TensorName]
    private let shapes: [[Int]]
    private let parts: Set<Substring>
    private let numberedModules: Set<Substring>

    init(_ names: [TensorName], shapes: [[Int]]) {
        self.names = names
        self.shapes = shapes
        var parts: Set<Substring> = []
        var numberedModules: Set<Substring> = []
        for name in names {
            parts.formUnion(name.parts)
            if name.isNumbered { numberedModules.insert(name.moduleName) }
        }
        self.parts = parts
        self.numberedModules = numberedModules
    }

    /// Whether a name has the part between its dots.
    package func has(_ part: String) -> Bool { parts.contains(part[...]) }

    /// Whether the modules of a stack of blocks have this last name, `c_fc` in `h.0.mlp.c_fc.weight`.
    package func hasBlocks(of module: String) -> Bool { numberedModules.contains(module[...]) }

    /// Whether a name of a stack of blocks satisfies a condition.
    func containsInBlocks(_ condition: (TensorName) -> Bool) -> Bool { names.contains { $0.isNumbered && condition($0) } }

    /// Whether a full name satisfies a condition.
    package func contains(_ condition: (String) -> Bool) -> Bool { names.contains { condition($0.full) } }

    /// The shape of the first tensor whose last name this is.
    package func shape(of last: String) -> [Int]? { zip(names, shapes).first { $0.0.last == last }?.1 }
}
