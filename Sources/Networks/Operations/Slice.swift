import Tensors
import Text

/// Blocks of the last dimension, side by side: the queries, keys or values of a fused product.
///
/// With x [..., width], block b of the output is x[start + b * stride ..< start + b * stride + length].
package struct Slice: Operation {
    package let start: Int
    package let length: Int
    package let stride: Int
    package let blocks: Int

    package init(start: Int, length: Int, stride: Int = 0, blocks: Int = 1) {
        self.start = start
        self.length = length
        self.stride = stride
        self.blocks = blocks
    }

    package var name: String { "slice" }
    package var gradientReading: GradientReading { [] }

    /// The place in the input of an element of the output.
    package func input(of element: Int) -> Int { start + element / length * stride + element % length }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    /// Neurons that follow each other in the input.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        let places = neurons.map(input)
        guard let first = places.first, zip(places, places.dropFirst()).allSatisfy({ $1 == $0 + 1 }) else { return nil }
        return RestrictedOperation(operation: Slice(start: first, length: places.count), parameters: parameters, reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let width = inputs[0].last ?? 1
        let end = start + (blocks - 1) * stride + length
        guard end <= width else {
            throw Problem("the blocks are outside the input", expected: "a width of at least \(end)", found: "\(width)")
        }
        return inputs[0].dropLast() + [blocks * length]
    }

    package func forward(_ pass: ForwardPass) {
        Elementwise.copyBlocks(
            of: pass.inputs[0], start: start, length: length, stride: stride, blocks: blocks, into: pass.output, team: pass.team)
    }

    /// The blocks of dx += those of dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        Elementwise.addBlocks(
            pass.outputGradient, toBlocksOf: gradient, start: start, length: length, stride: stride, blocks: blocks, team: pass.team)
    }
}
