/// The names and shapes of a checkpoint's tensors, for the recognition of its family.
package struct TensorNames: Sendable {
    private let index: TensorIndex
    private let parts: Set<Substring>
    private let numberedModules: Set<Substring>

    init(_ index: TensorIndex) {
        self.index = index
        var parts: Set<Substring> = []
        var numberedModules: Set<Substring> = []
        for name in index.names {
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
    func containsInBlocks(_ condition: (TensorName) -> Bool) -> Bool { index.names.contains { $0.isNumbered && condition($0) } }

    /// Whether a stack of blocks has the input and the output matrix of one of these MLPs.
    func hasMLPs(_ all: [MLPNames]) -> Bool {
        all.contains { names in
            guard let output = names.output, let last = names.input.split(separator: ".").last, numberedModules.contains(last) else {
                return false
            }
            let ending = names.input.split(separator: ".")
            return containsInBlocks { name in
                name.module.suffix(ending.count).elementsEqual(ending)
                    && TensorIndex.sibling(of: name, replacing: names.input, with: output).map { index.shape(of: $0) != nil } ?? false
            }
        }
    }

    /// Whether a module is named as an attention.
    var hasAttention: Bool {
        parts.contains { part in
            // The numbers of blocks and experts are most of the parts of a large model.
            part.utf8.count < 64 && !part.utf8.allSatisfy { (0x30...0x39).contains($0) }
                && ["attn", "attention"].contains { part.lowercased().contains($0) }
        }
    }

    /// The numbers of blocks in the stages of networks with names such as `blocks.2.0.conv_pw.weight`; empty if stages or blocks are missing.
    package var blockCounts: [Int] {
        var stages: [Int: Set<Int>] = [:]
        for name in index.names {
            let parts = name.bare.split(separator: ".", maxSplits: 3)
            guard parts.count == 4, parts[0] == "blocks", let stage = Int(parts[1]), let block = Int(parts[2]) else { continue }
            stages[stage, default: []].insert(block)
        }
        guard stages.allSatisfy({ $1 == Set(0..<$1.count) && stages[stages.count - 1] != nil && (0..<stages.count).contains($0) }) else {
            return []
        }
        return (0..<stages.count).map { stages[$0]?.count ?? 0 }
    }

    /// Whether a full name satisfies a condition.
    package func contains(_ condition: (String) -> Bool) -> Bool { index.names.contains { condition($0.full) } }

    /// The shape of the tensor of this name, without prefixes.
    package func shape(named name: String) -> [Int]? { zip(index.names, index.shapes).first { $0.0.bare == name }?.1 }

    /// The shape of the first tensor whose last name this is.
    package func shape(of last: String) -> [Int]? { zip(index.names, index.shapes).first { $0.0.last == last }?.1 }
}
