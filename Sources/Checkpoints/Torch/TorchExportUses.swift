/// What the operations of a program read its tensors for, found in one pass.
struct TorchExportUses {
    /// The tensors that serve assertions alone, with a step or several of logic before them.
    private(set) var asserted: Set<String> = []
    /// The tensors of which nothing reads a number before others are written over all of them.
    private(set) var overwritten: Set<String> = []

    /// Operations that say of all numbers together what an assertion wants to know.
    private static let logic: Set<String> = ["any", "all", "logical_not"]
    /// Operations that take no more than the shape of their first tensor.
    private static let replacing: Set<String> = ["fill", "zero", "copy", "full_like", "zeros_like", "ones_like", "empty_like"]

    init(_ program: TorchExportGraph) {
        // Those that something else reads, and those of which something reads a number, from the last operation to the first.
        var (used, read) = (Set(program.outputs), Set(program.outputs))
        for node in program.nodes.reversed() {
            overwritten.formUnion(node.outputs.filter { !read.contains($0) })
            let serves = node.name.hasPrefix("_assert") || Self.logic.contains(node.name) && used.isDisjoint(with: node.outputs)
            if serves { asserted.formUnion(node.outputs) }
            for (place, input) in node.inputs.enumerated() {
                if !serves { used.formUnion(input.value.names) }
                guard place == 0, Self.replacing.contains(node.name) else {
                    read.formUnion(input.value.names)
                    continue
                }
                if node.overwrites { read.subtract(input.value.names) }
            }
        }
    }
}
