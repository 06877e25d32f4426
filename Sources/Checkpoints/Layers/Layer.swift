import Archives
import Tensors
import Text

/// A tensor of a checkpoint, or a part of one, as a weight matrix [out, in]. Nothing is read before it is requested.
package struct Layer: Sendable {
    /// The tensor's name; for a part, the name followed by the part: `mlp.experts.gate_up_proj[3][up]`.
    package let name: String
    /// The name of the tensor that holds the weights.
    package let tensorName: String
    /// Where the weights are stored: the tensor, or the view of it that is the part.
    package let tensor: TensorRecord
    /// Which places of the tensor the part has; empty for the whole tensor.
    package let slices: [TensorRecord.Slice]
    /// How the elements make the matrix.
    package let layout: MatrixLayout
    /// The place among the weight matrices of the checkpoint, in the catalog's order: random choices depend on it, not on the name.
    package let place: Int

    init(
        tensor: TensorRecord, of tensorName: String? = nil, slices: [TensorRecord.Slice] = [], layout: MatrixLayout, place: Int = 0
    ) {
        name = tensor.name
        self.tensorName = tensorName ?? tensor.name
        self.slices = slices
        self.place = place
        self.tensor = tensor
        self.layout = layout
    }

    /// The same layer in another place.
    func at(_ place: Int) -> Layer { Layer(tensor: tensor, of: tensorName, slices: slices, layout: layout, place: place) }

    /// Whether the layer is one of several in its tensor.
    package var isPart: Bool { name != tensorName }

    /// The number of rows of the matrix.
    package var outNeurons: Int { layout.rows }
    /// The number of columns of the matrix.
    package var inNeurons: Int { layout.columns }

    /// The lengths of a convolution's kernel, [height, width] as a rule; empty for any other layer.
    package var kernelShape: [Int] {
        switch layout {
        case .convolution, .transposedConvolution: Array(tensor.shape.dropFirst(2))
        case .asStored, .transposed: []
        }
    }

    /// The layer with every element of a convolution's kernels as a separate weight, [out, in * kernel]; any other layer unchanged.
    package var unfolded: Layer {
        let unfolded: MatrixLayout
        switch layout {
        case .convolution(let out, let input, let kernel): unfolded = .asStored(out: out, in: input * kernel)
        case .transposedConvolution(var filters):
            filters.isUnfolded = true
            unfolded = .transposedConvolution(filters)
        case .asStored, .transposed: return self
        }
        return Layer(tensor: tensor, of: tensorName, slices: slices, layout: unfolded, place: place)
    }

    /// Whether every weight is an element of the tensor, not what a kernel's elements make together.
    var isOfSingleElements: Bool {
        switch layout {
        case .convolution: false
        case .transposedConvolution(let filters): filters.isUnfolded
        case .asStored, .transposed: true
        }
    }

    /// Whether the matrix is read in single precision because that holds every weight.
    package var isSinglePrecision: Bool { isOfSingleElements && tensor.dtype.fitsFloat }

    /// Pages of the file are released whenever so many weights were read: the matrix and its file are not in memory at once.
    private static let weightsBeforeRelease = 1 << 22

    /// The whole matrix. Needs the matrix's memory and a few megabytes; the file's pages are released after they were read.
    ///
    /// - Throws: ``Problem`` for a matrix that does not fit into the machine's memory.
    package func weights() throws(Problem) -> WeightMatrix {
        try weights(rows: 0..<outNeurons)
    }

    /// The rows `rows` of the matrix, for work on matrices that are larger than memory.
    ///
    /// - Throws: ``Problem`` for rows that do not fit into the machine's memory.
    package func weights(rows: Range<Int>) throws(Problem) -> WeightMatrix {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= outNeurons, "rows \(rows) of \(outNeurons)")
        try checkSize(rows: rows.count)
        let reader = LayerReader(layout: layout, rows: rows)
        defer { tensor.discardPages() }
        var unreleased = 0
        func didRead(_ count: Int) {
            unreleased += count
            guard unreleased >= Self.weightsBeforeRelease else { return }
            tensor.discardPages()
            unreleased = 0
        }
        if isSinglePrecision {
            return .single(
                Matrix(rows: rows.count, columns: inNeurons) { target in
                    reader.read(into: target) { part, range in
                        tensor.fill(part, elements: range)
                        didRead(range.count)
                    }
                })
        }
        return .double(
            Matrix(rows: rows.count, columns: inNeurons) { target in
                reader.read(into: target) { part, range in
                    tensor.fill(part, elements: range)
                    didRead(range.count)
                }
            })
    }

    /// A view can repeat a few stored elements without end, and a sparse file can be larger than any memory: neither may be allocated.
    private func checkSize(rows: Int) throws(Problem) {
        let width = isSinglePrecision ? MemoryLayout<Float>.size : MemoryLayout<Double>.size
        let (count, overflow) = rows.multipliedReportingOverflow(by: inNeurons)
        let (bytes, overflow2) = count.multipliedReportingOverflow(by: width)
        let limit = PhysicalMemory.byteCount
        guard !overflow, !overflow2, bytes <= limit else {
            throw Problem(
                "does not fit into memory", subject: "tensor '\(name)'", expected: "at most \(limit) bytes",
                found: "\(rows) x \(inNeurons) weights")
        }
        guard count <= 1 << 24 || !tensor.repeatsStorage else {
            throw Problem(
                "a view that repeats its storage without bound", subject: "tensor '\(name)'",
                expected: "at most 64 times \(tensor.storedElementCount) elements", found: "\(tensor.elementCount)")
        }
    }
}
