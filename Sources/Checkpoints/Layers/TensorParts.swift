/// Takes a tensor apart that holds several matrices: the experts of a mixture, and gate and input of a gated MLP.
struct TensorParts {
    /// One matrix inside a tensor.
    struct Part {
        /// What follows the tensor's name in the layer's: `[3][up]`.
        let suffix: String
        let slices: [TensorRecord.Slice]
        let layout: MatrixLayout
        /// Whether it is the MLP input matrix of a block, or of one of its experts.
        let isInput: Bool
    }

    /// A stack of more experts is not taken apart.
    private static let mostExperts = 4096

    let index: TensorIndex
    private let families: ModelFamilies

    init(_ index: TensorIndex, families: ModelFamilies) {
        self.index = index
        self.families = families
    }

    /// The matrices in a tensor of experts; nil for a tensor that is none.
    func experts(of name: TensorName, shape: [Int]) -> [Part]? {
        guard let stack = stack(name, shape) else { return nil }
        let names = Self.isAttention(name) ? nil : families.mlpNames(of: name, index)
        let isFused = names.map { holdsBoth($0, name, outputs: stack.outputs, columns: outputColumns(of: $0, name)) } ?? false
        var parts: [Part] = []
        for expert in 0..<stack.count {
            // Rows are the outputs, or columns where the experts are stored [in, out].
            func part(_ half: String?, first: Int, step: Int, count: Int, isInput: Bool) -> Part {
                let outputs = TensorRecord.Slice.places(first: stack.firstOutput(of: expert) + first, step: step, count: count)
                let slices: [TensorRecord.Slice]
                switch (stack.isFlat, stack.isTransposed) {
                case (true, false): slices = [outputs]
                case (true, true): slices = [.places(first: expert * stack.inputs, step: 1, count: stack.inputs)]
                case (false, false): slices = [.place(expert), outputs]
                case (false, true): slices = [.place(expert), .all, outputs]
                }
                return Part(
                    suffix: "[\(expert)]" + (half.map { "[\($0)]" } ?? ""), slices: slices,
                    layout: stack.isTransposed
                        ? .transposed(blocks: 1, in: stack.inputs, out: count) : .asStored(out: count, in: stack.inputs),
                    isInput: isInput)
            }
            guard isFused, let names else {
                parts.append(part(nil, first: 0, step: 1, count: stack.outputs, isInput: names != nil))
                continue
            }
            for (half, place) in halves(names.halves, isTransposed: stack.isTransposed, name).enumerated() {
                let count = stack.outputs / 2
                let (first, step) = place.isAlternating ? (half, 2) : (half * count, 1)
                parts.append(part(place.name, first: first, step: step, count: count, isInput: place.name == "up"))
            }
        }
        return parts
    }

    /// The two halves of a matrix that holds gate and input together; nil for any other matrix.
    ///
    /// - Parameter layout: how the tensor is read as one matrix.
    func halves(of name: TensorName, shape: [Int], layout: MatrixLayout, names: MLPNames, outputColumns: Int?) -> [Part]? {
        guard shape.count == 2, holdsBoth(names, name, outputs: layout.rows, columns: outputColumns) else { return nil }
        let count = layout.rows / 2
        return halves(names.halves, isTransposed: false, name).enumerated().map { half, place in
            let (first, step) = place.isAlternating ? (half, 2) : (half * count, 1)
            let outputs = TensorRecord.Slice.places(first: first, step: step, count: count)
            let isTransposed = if case .transposed = layout { true } else { false }
            return Part(
                suffix: "[\(place.name)]", slices: isTransposed ? [.all, outputs] : [outputs],
                layout: isTransposed
                    ? .transposed(blocks: 1, in: layout.columns, out: count) : .asStored(out: count, in: layout.columns),
                isInput: place.name == "up")
        }
    }

    /// The halves in their order, and whether their rows alternate: gpt-oss keeps [in, out] with a bias for each, and alternates.
    private func halves(
        _ halves: MLPNames.Halves, isTransposed: Bool, _ name: TensorName
    ) -> [(name: String, isAlternating: Bool)] {
        let hasBias = index.shape(of: name.full + "_bias") != nil
        switch halves {
        case .alternating: return [("gate", true), ("up", true)]
        case .inputFirst: return [("up", false), ("gate", false)]
        case .gateFirst: return [("gate", isTransposed && hasBias), ("up", isTransposed && hasBias)]
        }
    }

    /// Whether a matrix holds gate and input: it has twice as many outputs as the output matrix of the MLP has inputs.
    private func holdsBoth(_ names: MLPNames, _ name: TensorName, outputs: Int, columns: Int?) -> Bool {
        guard outputs % 2 == 0, outputs > 0 else { return false }
        if let columns { return outputs / 2 == columns }
        return names.isFused
    }

    /// The inputs of the output matrix of an MLP whose matrix `name` should hold gate and input, but does not fit; nil if it fits.
    func unfitColumns(_ names: MLPNames, _ name: TensorName, outputs: Int, columns: Int?) -> Int? {
        guard names.isFused, let columns, !holdsBoth(names, name, outputs: outputs, columns: columns) else { return nil }
        return columns
    }

    /// The same for a stack of experts, and the out-neurons of each.
    func unfitStack(_ names: MLPNames, _ name: TensorName, shape: [Int]) -> (outputs: Int, columns: Int)? {
        guard !Self.isAttention(name), let stack = stack(name, shape) else { return nil }
        return unfitColumns(names, name, outputs: stack.outputs, columns: outputColumns(of: names, name)).map { (stack.outputs, $0) }
    }

    /// How many experts a tensor holds; nil for one that is no stack.
    func expertCount(_ name: TensorName, shape: [Int]) -> Int? { stack(name, shape)?.count }

    /// The inputs of the output matrices of a stack of experts.
    private func outputColumns(of names: MLPNames, _ name: TensorName) -> Int? {
        guard let output = names.output, let other = TensorIndex.sibling(of: name, replacing: names.input, with: output),
            let shape = index.shape(of: other), let stack = stack(TensorName(other), shape)
        else { return nil }
        return stack.inputs
    }

    /// The arrangement of the experts in a tensor.
    private struct Stack {
        let count: Int
        let outputs: Int
        let inputs: Int
        /// Whether each expert is stored [in, out].
        let isTransposed: Bool
        /// Whether the experts' rows are stacked in a matrix.
        let isFlat: Bool

        func firstOutput(of expert: Int) -> Int { isFlat ? expert * outputs : 0 }
    }

    private static let stackNames: Set<Substring> = [
        "input_linear", "output_linear", "mlp1_weight", "mlp2_weight", "w13_weight", "w2_weight",
    ]

    private func stack(_ name: TensorName, _ shape: [Int]) -> Stack? {
        let isBelowExperts = name.experts != nil
        let isNamed = name.moduleName.hasSuffix("_exps") || Self.stackNames.contains(name.moduleName)
        guard isBelowExperts || isNamed, !shape.contains(0) else { return nil }
        if shape.count == 3 {
            guard shape[0] <= Self.mostExperts else { return nil }
            let isTransposed = isTransposed(name, shape)
            let (outputs, inputs) = isTransposed ? (shape[2], shape[1]) : (shape[1], shape[2])
            return Stack(count: shape[0], outputs: outputs, inputs: inputs, isTransposed: isTransposed, isFlat: false)
        }
        // DBRX: all experts' rows in one matrix; the output matrices are stored [in, out].
        guard shape.count == 2, isBelowExperts, ["w1", "v1", "w2"].contains(name.moduleName), name.last != "weight" || !name.isNumbered,
            let count = routerRows(name), count > 1, count <= Self.mostExperts, shape[0] % count == 0
        else { return nil }
        let rows = shape[0] / count
        return name.moduleName == "w2"
            ? Stack(count: count, outputs: shape[1], inputs: rows, isTransposed: true, isFlat: true)
            : Stack(count: count, outputs: rows, inputs: shape[1], isTransposed: false, isFlat: true)
    }

    /// The number of experts, which is the number of rows of the router.
    private func routerRows(_ name: TensorName) -> Int? { router(name)?.first }

    /// What a mixture calls its router, whose rows are the experts.
    static let routerNames = [
        "gate.weight", "router.weight", "router.layer.weight", "router.classifier.weight", "ffn_gate_inp.weight", "gate.wg.weight",
    ]

    private func router(_ name: TensorName) -> [Int]? {
        let mixture: Substring
        if let experts = name.experts {
            mixture = name.full[..<experts.startIndex]
        } else {
            mixture = name.full[..<name.moduleName.startIndex]
        }
        for router in Self.routerNames {
            if let shape = index.shape(of: mixture + router), shape.count == 2 { return shape }
        }
        return nil
    }

    private static func isAttention(_ name: TensorName) -> Bool {
        name.parts.contains { $0.hasSuffix("attn") || $0.hasSuffix("attention") }
    }

    /// Whether each expert is stored [in, out]: by the stacked biases, then by the output matrices that the widths must chain with, then
    /// by the router, which reads what the experts read.
    private func isTransposed(_ name: TensorName, _ shape: [Int]) -> Bool {
        let (rows, columns) = (shape[1], shape[2])
        guard rows != columns || families.mlpNames(of: name, index) != nil else { return pairIsTransposed(name) }
        for candidate in [name.full + "_bias", name.full.hasSuffix(".weight") ? name.full.dropLast(6) + "bias" : ""] {
            if let bias = index.shape(of: candidate), bias.count == 2, bias[0] == shape[0], rows != columns {
                if bias[1] == rows { return false }
                if bias[1] == columns { return true }
            }
        }
        if let names = families.mlpNames(of: name, index), let output = names.output,
            let other = TensorIndex.sibling(of: name, replacing: names.input, with: output).flatMap(index.shape(of:)), other.count == 3
        {
            let isStored = rows % 2 == 0 && rows / 2 == other[2] && columns == other[1]
            let isTurned = columns % 2 == 0 && columns / 2 == other[1] && rows == other[2]
            if isStored != isTurned { return isTurned }
        }
        if let width = router(name)?.last, rows != columns {
            // The output matrices write what the router reads.
            let isOutput =
                name.moduleName.contains("down") || name.moduleName == "w2" || Self.inputsOfOutputs[name.moduleName] != nil
            if width == columns { return isOutput }
            if width == rows { return !isOutput }
        }
        return pairIsTransposed(name)
    }

    /// The input matrices that have the same orientation as a square output matrix, by the latter's name.
    private static let inputsOfOutputs: [Substring: String] = [
        "down_proj": "gate_up_proj", "output_linear": "input_linear", "fc2": "fc1", "mlp2_weight": "mlp1_weight", "w2_weight": "w13_weight",
    ]

    /// A square output matrix has the same orientation as the input matrices next to it.
    private func pairIsTransposed(_ name: TensorName) -> Bool {
        guard let input = Self.inputsOfOutputs[name.moduleName],
            let other = TensorIndex.sibling(of: name, replacing: String(name.moduleName), with: input),
            let shape = index.shape(of: other), shape.count == 3
        else { return false }
        return isTransposed(TensorName(other), shape)
    }
}
