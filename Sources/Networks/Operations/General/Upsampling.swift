import Tensors
import Text

/// Images or sequences each of whose places becomes several with the same number: [B, C, H, W] as [B, C, rows H, columns W], and [B, C, L] as
/// [B, C, columns L].
package struct Upsampling: Operation {
    package let rows: Int
    package let columns: Int

    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    package var name: String { "upsampling" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst(2)) }
    package var neurons: NeuronRule { .windows(keepsConstants: true) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        var shape = inputs[0]
        guard shape.count == 4 || shape.count == 3 && rows == 1, rows > 0, columns > 0 else {
            throw Problem("makes images larger", expected: "samples x channels x rows x columns", found: words(shape))
        }
        for (axis, times) in [(shape.count - 2, rows), (shape.count - 1, columns)] where times != 1 {
            let (length, overflow) = shape[axis].multipliedReportingOverflow(by: times)
            guard !overflow else { throw Problem("too many places", found: "\(shape[axis]) times \(times)") }
            shape[axis] = length
        }
        try Problem.check(elementsOf: shape)
        return shape
    }

    /// Calls `body` with the first place of each row of the input, in parallel.
    private func forEachRow(_ shape: [Int], _ team: Team, _ body: @Sendable (_ row: Int, _ width: Int) -> Void) {
        let width = shape[shape.count - 1]
        let count = shape.dropLast().reduce(1, *)
        guard width > 0 else { return }
        team.forEach(count, step: max(1, (1 << 14) / (width * rows * columns))) { range in
            for row in range { body(row, width) }
        }
    }

    /// Calls `body` with each place of a row of the input, and with each place of the output that it becomes.
    @inline(__always)
    private func forEachPair(_ row: Int, _ width: Int, _ body: (_ place: Int, _ copy: Int) -> Void) {
        for line in row * rows..<(row + 1) * rows {
            var copy = line * width * columns
            for place in row * width..<(row + 1) * width {
                for _ in 0..<columns {
                    body(place, copy)
                    copy += 1
                }
            }
        }
    }

    package func forward(_ pass: ForwardPass) {
        let (input, output) = (pass.inputs[0], pass.output)
        forEachRow(input.shape, pass.team) { row, width in
            input.withElements { x in
                output.withMutableElements { y in forEachPair(row, width) { place, copy in y[copy] = x[place] } }
            }
        }
    }

    /// dx of a place += the sum of dy over those that it became.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let dy = pass.outputGradient
        forEachRow(gradient.shape, pass.team) { row, width in
            dy.withElements { g in
                gradient.withMutableElements { d in forEachPair(row, width) { place, copy in d[place] += g[copy] } }
            }
        }
    }
}
