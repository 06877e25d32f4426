import Tensors
import Text

/// Entries of one dimension by their numbers, which are constant or are computed.
///
/// With x [before, length, after] and numbers [n...], the output is [before, n..., after]; a number below 0 counts from the end, and one outside
/// has no entry, which is NaN. Inputs: x unless it is the parameter, and the numbers unless they are constant.
package struct EntryLookup: Operation {
    package let axis: Int
    /// The numbers and their shape; nil if they are computed.
    package let constant: (numbers: [Int], shape: [Int])?
    /// Whether the table is the parameter.
    package let isOfParameter: Bool
    /// The entry that gets no gradient, as PyTorch's `padding_idx`.
    package let padding: Int?

    package init(axis: Int, constant: (numbers: [Int], shape: [Int])? = nil, isOfParameter: Bool = false, padding: Int? = nil) {
        self.axis = axis
        self.constant = constant
        self.isOfParameter = isOfParameter
        self.padding = padding
    }

    package var name: String { "gather" }
    package var gradientReading: GradientReading { constant == nil ? .inputs : [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { input == 0 && !isOfParameter ? [axis] : [] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let table = isOfParameter ? parameters[0] : inputs[0]
        guard table.indices.contains(axis), table[axis] > 0 else {
            throw Problem(
                "has no entries in this dimension", expected: "one of \(table.count) dimensions", found: "\(axis) of \(words(table))")
        }
        let numbers = constant?.shape ?? inputs[isOfParameter ? 0 : 1]
        if let constant, let other = constant.numbers.first(where: { $0 < -table[axis] || $0 >= table[axis] }) {
            throw Problem("an entry outside the dimension", expected: "\(-table[axis]) to \(table[axis] - 1)", found: "\(other)")
        }
        let shape = table[..<axis] + numbers + table[(axis + 1)...]
        try Problem.check(elementsOf: Array(shape))
        return Array(shape)
    }

    /// The numbers of the entries; nil for one outside.
    private func entries(_ inputs: [Tensor], of length: Int) -> [Int?] {
        func inside(_ number: Int) -> Int? {
            let place = number < 0 ? number + length : number
            return place >= 0 && place < length ? place : nil
        }
        if let constant { return constant.numbers.map(inside) }
        return inputs[isOfParameter ? 0 : 1].elements.map { abs($0) < 1e9 ? inside(Int($0)) : nil }
    }

    private func forEachEntry(
        _ table: [Int], _ inputs: [Tensor], _ body: (_ from: Int?, _ to: Int, _ count: Int) -> Void
    ) {
        let entries = entries(inputs, of: table[axis])
        let outer = table[..<axis].reduce(1, *)
        let count = table[(axis + 1)...].reduce(1, *)
        var to = 0
        for row in 0..<outer {
            for entry in entries {
                body(entry.map { (row * table[axis] + $0) * count }, to, count)
                to += count
            }
        }
    }

    package func forward(_ pass: ForwardPass) {
        let table = isOfParameter ? pass.parameters[0] : pass.inputs[0]
        table.withElements { x in
            pass.output.withMutableElements { y in
                forEachEntry(table.shape, pass.inputs) { from, to, count in
                    for place in 0..<count { y[to + place] = from.map { x[$0 + place] } ?? .nan }
                }
            }
        }
    }

    /// The gradient of each entry but that of the padding += those of its copies; the numbers have none.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = isOfParameter ? pass.parameterGradients[0] : pass.inputGradients[0] else { return }
        pass.outputGradient.withElements { g in
            gradient.withMutableElements { d in
                forEachEntry(gradient.shape, pass.inputs) { from, to, count in
                    guard let from, padding == nil || count == 0 || from / count % gradient.shape[axis] != padding else { return }
                    for place in 0..<count { d[from + place] += g[to + place] }
                }
            }
        }
    }
}
