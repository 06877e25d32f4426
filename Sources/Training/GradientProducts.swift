import Checkpoints
import Tensors

/// Sums of the products of a layer's gradients with themselves: the similarities of the out-neurons and of the in-neurons.
///
/// With G [out, in] the gradient in the orientation of the layer's matrix, S_out = sum G G^T and S_in = sum G^T G. The gradient of a
/// convolution is [out, in, kernel]; both products sum over the kernel's elements too: S_out[i, j] = sum_{c, e} G[i, c, e] G[j, c, e].
struct GradientProducts {
    let layout: MatrixLayout
    /// [out, out].
    let out: MutableTensor
    /// [in, in].
    let input: MutableTensor

    init(_ layout: MatrixLayout) {
        self.layout = layout
        out = .zeros([layout.rows, layout.rows])
        input = .zeros([layout.columns, layout.columns])
    }

    /// The size of a layer's sums in bytes; the largest number if it overflows.
    static func byteCount(_ layout: MatrixLayout) -> Int {
        let sides = [layout.rows, layout.columns].map { $0.multipliedReportingOverflow(by: $0 * MemoryLayout<Float>.size) }
        let (sum, overflow) = sides[0].partialValue.addingReportingOverflow(sides[1].partialValue)
        return overflow || sides.contains { $0.overflow } ? .max : sum
    }

    /// Adds the products of one gradient.
    ///
    /// - Parameter gradient: the elements in the order of the stored tensor.
    func add(_ gradient: Tensor, team: Team) {
        switch layout {
        case .asStored(let rows, let columns):
            add(.init(gradient, stride: columns), .init(gradient, .transposed, stride: columns), inner: columns, to: out, team: team)
            add(.init(gradient, .transposed, stride: columns), .init(gradient, stride: columns), inner: rows, to: input, team: team)
        case .convolution(let rows, let columns, let kernel):
            addKernels(gradient, rows: rows, columns: columns, kernel: kernel, team: team)
        case .transposedConvolution(let filters):
            let turned = gradient.withElements { Tensor(shape: gradient.shape, filters.outputsFirst($0)) }
            addKernels(turned, rows: layout.rows, columns: filters.inputs, kernel: filters.kernel, team: team)
        case .transposed(let blocks, let inputs, let outputs):
            for first in 0..<blocks {
                let offset = first * inputs * outputs
                add(
                    .init(gradient, offset: offset, stride: outputs), .init(gradient, .transposed, offset: offset, stride: outputs),
                    inner: outputs, to: input, team: team)
                for second in 0..<blocks {
                    Product.multiply(
                        .init(gradient, .transposed, offset: offset, stride: outputs),
                        .init(gradient, offset: second * inputs * outputs, stride: outputs), rows: outputs, inner: inputs, columns: outputs,
                        into: .init(out, offset: first * outputs * layout.rows + second * outputs), .add, team: team)
                }
            }
        }
    }

    /// Adds the products of a gradient [out, in, kernel].
    private func addKernels(_ gradient: Tensor, rows: Int, columns: Int, kernel: Int, team: Team) {
        let width = columns * kernel
        add(.init(gradient, stride: width), .init(gradient, .transposed, stride: width), inner: width, to: out, team: team)
        for row in 0..<rows {
            // One out-neuron's part, [in, kernel].
            let offset = row * width
            add(
                .init(gradient, offset: offset, stride: kernel), .init(gradient, .transposed, offset: offset, stride: kernel),
                inner: kernel, to: input, team: team)
        }
    }

    /// sum += a b, [n, inner] times [inner, n].
    private func add(_ a: Product.Factor, _ b: Product.Factor, inner: Int, to sum: MutableTensor, team: Team) {
        Product.multiply(a, b, rows: sum.width, inner: inner, columns: sum.width, into: .init(sum), .add, team: team)
    }
}
