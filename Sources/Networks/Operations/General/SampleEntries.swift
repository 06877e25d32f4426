import Tensors
import Text

/// An entry of each sample by its own numbers: y[b, n..., after] = x[b, numbers[b, n...], after].
///
/// With x [samples, length, after] and numbers [samples, n...], the output is [samples, n..., after]; a number below 0 counts from the end, and
/// one outside has no entry, which is NaN. Such as the position of the token that ends a text.
package struct SampleEntries: Operation {
    package init() {}

    package var name: String { "entries of samples" }
    package var gradientReading: GradientReading { .inputs }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { input == 0 ? [1] : Array(1..<max(1, rank)) }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (table, numbers) = (inputs[0], inputs[1])
        guard table.count >= 2, let samples = numbers.first, samples == table[0], table[1] > 0 else {
            throw Problem("has no entries for these numbers", expected: "numbers for each of \(words(table))", found: words(numbers))
        }
        let shape = numbers + table[2...]
        try Problem.check(elementsOf: shape)
        return shape
    }

    private func forEachEntry(
        _ table: [Int], _ numbers: Tensor, _ body: (_ from: Int?, _ to: Int, _ count: Int) -> Void
    ) {
        let count = table[2...].reduce(1, *)
        let each = numbers.shape.dropFirst().reduce(1, *)
        for (place, number) in numbers.elements.enumerated() {
            var from: Int?
            if abs(number) < 1e9 {
                let entry = number < 0 ? Int(number) + table[1] : Int(number)
                if entry >= 0, entry < table[1] { from = (place / each * table[1] + entry) * count }
            }
            body(from, place * count, count)
        }
    }

    package func forward(_ pass: ForwardPass) {
        let table = pass.inputs[0]
        table.withElements { x in
            pass.output.withMutableElements { y in
                forEachEntry(table.shape, pass.inputs[1]) { from, to, count in
                    for place in 0..<count { y[to + place] = from.map { x[$0 + place] } ?? .nan }
                }
            }
        }
    }

    /// The gradient of each entry += those of its copies; the numbers have none.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        pass.outputGradient.withElements { g in
            gradient.withMutableElements { d in
                forEachEntry(gradient.shape, pass.inputs[1]) { from, to, count in
                    guard let from else { return }
                    for place in 0..<count { d[from + place] += g[to + place] }
                }
            }
        }
    }
}
