import Text

/// Which of a kernel's dimensions are its inputs and which its outputs, as Flax and Keras store it: [in, out], a convolution's [..., in, out].
///
/// Source: flax.linen.linear and keras.src.layers, whose variables these are.
struct KernelLayout {
    /// The name of the module that has the kernel.
    private let module: Substring
    /// The shape of the bias beside it; nil if there is none.
    private let bias: [Int]?

    init(module: Substring, bias: [Int]?) {
        self.module = module
        self.bias = bias
    }

    /// The kernel as [out, in], or as [out, in, ...] if it is a convolution's [..., in, out]; one channel's filters as [out, 1, ...].
    ///
    /// The heads of attention have kernels of three dimensions: queries, keys and values write [heads, width], the output reads them. So do layers
    /// of the class DenseGeneral, whose default name says it. A transposed convolution of Keras, [..., out, in], becomes PyTorch's [in, out, ...].
    func outputFirst(_ record: TensorRecord) throws(Problem) -> TensorRecord {
        guard record.shape.count >= 2, !record.shape.contains(0) else { return record }
        return try turned(record).markedAsTurned()
    }

    private func turned(_ record: TensorRecord) throws(Problem) -> TensorRecord {
        let shape = record.shape
        let writesHeads = shape.count == 3 && (bias?.count == 2 || (bias == nil && Self.headWriters.contains(module)))
        let readsHeads = shape.count == 3 && !writesHeads && (Self.headReaders.contains(module) || module.hasPrefix("DenseGeneral"))
        if writesHeads { return try record.merged([shape[0], shape[1] * shape[2]]).permuted([1, 0]) }
        if readsHeads { return try record.merged([shape[0] * shape[1], shape[2]]).permuted([1, 0]) }
        let rank = shape.count
        if isDepthwise(shape) {
            let filters = [1, shape[rank - 2] * shape[rank - 1]]
            return try record.merged(shape.dropLast(2) + filters).permuted([rank - 1, rank - 2] + Array(0..<rank - 2))
        }
        return try record.permuted([rank - 1, rank - 2] + Array(0..<rank - 2))
    }

    /// Whether the bias shows that the kernel has its outputs in its first dimension, as PyTorch stores it.
    func isOutputFirst(_ shape: [Int]) -> Bool {
        guard let bias, bias.count == 1, let last = shape.last, bias[0] != last, bias[0] == shape[0] else { return false }
        return shape.count == 2 || bias[0] != shape[shape.count - 2]
    }

    private static let headWriters: Set<Substring> = ["query", "key", "value", "query_dense", "key_dense", "value_dense"]
    private static let headReaders: Set<Substring> = ["out", "output_dense", "attention_output"]

    /// Whether a kernel is a depthwise convolution of Keras, [..., in, filters of each]: the bias or the module's name says it. Flax stores one as
    /// [..., 1, out].
    private func isDepthwise(_ shape: [Int]) -> Bool {
        guard shape.count > 2, let filters = shape.last, shape[shape.count - 2] > 1 else { return false }
        let name = module.lowercased()
        if name.contains("transpose") { return false }
        if let bias { return bias.count == 1 && bias[0] != filters && bias[0] == shape[shape.count - 2] * filters }
        return name.contains("depthwise") || filters == 1 && (name.hasPrefix("dw") || name.contains("_dw") || name.hasSuffix("dwconv"))
    }
}

/// The kernels of Keras's and Flax's layers among arrays that a file of another library holds by their names, as in an npz of a model's weights.
enum KernelNames {
    /// What is assumed where a kernel's shape could also be that of a matrix of PyTorch.
    static let assumption = "square kernels are read as [in, out], as Keras and Flax store them"

    /// The arrays with each kernel turned round to [out, in, ...]; a bias that shows another order decides before the name.
    ///
    /// - Parameter isOfPyTorch: whether the file is one of PyTorch's, whose own modules may have a `kernel`, but no slashes in their names.
    /// - Returns: the arrays, and whether only its name says how some kernel is stored.
    static func outputFirst(_ tensors: [TensorRecord], isOfPyTorch: Bool = false) -> (tensors: [TensorRecord], isAssumed: Bool) {
        guard tensors.contains(where: { kernel(of: $0.name) != nil }) else { return (tensors, false) }
        let shapes = Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        var isAssumed = false
        let turned = tensors.map { tensor -> TensorRecord in
            guard tensor.shape.count > 1, tensor.dtype.isFloatingPoint, !tensor.isNegated, !isOfPyTorch || tensor.name.contains("/"),
                let kernel = kernel(of: tensor.name)
            else { return tensor }
            let bias = kernel.biases.lazy.compactMap { shapes[$0] }.first { $0.count < tensor.shape.count }
            // One array alone may be anything.
            guard bias != nil || !kernel.module.isEmpty else { return tensor }
            let layout = KernelLayout(module: kernel.module, bias: bias)
            guard !layout.isOutputFirst(tensor.shape), let turned = try? layout.outputFirst(tensor) else { return tensor }
            if tensor.shape.count == 2, tensor.shape[0] == tensor.shape[1] { isAssumed = true }
            return turned
        }
        return (turned, isAssumed)
    }

    private static let endings = [":0", "/.ATTRIBUTES/VARIABLE_VALUE"]
    private static let kernels: Set<Substring> = ["kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel"]

    /// The name of a kernel's module and those that its bias may have; nil for any other array.
    ///
    /// Keras 2 ends the names of variables in `:0`, TensorFlow's checkpoints in a path; Keras 3 saves the variables of a layer as `LAYER/vars/0`, `LAYER/vars/1`, ...
    private static func kernel(of name: String) -> (module: Substring, biases: [String])? {
        let ending = endings.first(where: name.hasSuffix) ?? ""
        let own = name.dropLast(ending.count)
        let start = own.lastIndex(where: { $0 == "/" || $0 == "." }).map { own.index(after: $0) } ?? own.startIndex
        let (front, last) = (own[..<start], own[start...])
        var modules = front.dropLast().split(omittingEmptySubsequences: false, whereSeparator: { $0 == "/" || $0 == "." })
        if modules.last == "vars", let number = Int(last), ending.isEmpty {
            modules.removeLast()
            let module = modules.last ?? ""
            guard !module.lowercased().contains("embedding") else { return nil }
            // A recurrent layer has two matrices before its bias.
            return (module, number == 0 ? ["\(front)1", "\(front)2"] : number == 1 ? ["\(front)2"] : [])
        }
        guard kernels.contains(last) else { return nil }
        return (last == "depthwise_kernel" ? "depthwise" : modules.last ?? "", last == "depthwise_kernel" ? [] : ["\(front)bias\(ending)"])
    }
}

extension TensorRecord {
    /// The elements in row-major order in another shape.
    fileprivate func merged(_ shape: [Int]) throws(Problem) -> TensorRecord {
        if let derived { return try TensorRecord(name: name, dtype: dtype, shape: shape, values: derived) }
        if strides != nil { return try TensorRecord(name: name, dtype: dtype, shape: shape, bytes: gathered()) }
        return try TensorRecord(name: name, dtype: dtype, shape: shape, bytes: bytes)
    }

    /// The same elements with the dimensions in another order.
    fileprivate func permuted(_ order: [Int]) throws(Problem) -> TensorRecord {
        let outer = order.map { shape[$0] }
        guard derived == nil else {
            return try TensorRecord(name: name, dtype: dtype, shape: outer, values: PermutedValues(self, order: order))
        }
        var strides = [Int](repeating: 1, count: shape.count)
        for place in (0..<shape.count - 1).reversed() { strides[place] = strides[place + 1] * shape[place + 1] }
        strides = self.strides ?? strides
        return try TensorRecord(name: name, dtype: dtype, shape: outer, strides: order.map { strides[$0] }, offset: 0, storage: bytes)
    }
}

/// A computed tensor with its dimensions in another order.
private struct PermutedValues: DerivedValues {
    let summary: String
    var stored: [TensorRecord] { [record] }
    var selection: [Int] { order }
    private let record: TensorRecord
    private let order: [Int]

    init(_ record: TensorRecord, order: [Int]) {
        self.record = record
        self.order = order
        summary = record.encoding ?? ""
    }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        forEachPlace(elements) { source, place in
            record.fill(UnsafeMutableBufferPointer(rebasing: target[place..<place + 1]), elements: source..<source + 1)
        }
    }

    func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        forEachPlace(elements) { source, place in
            record.fill(UnsafeMutableBufferPointer(rebasing: target[place..<place + 1]), elements: source..<source + 1)
        }
    }

    private func forEachPlace(_ elements: Range<Int>, _ body: (Int, Int) -> Void) {
        var strides = [Int](repeating: 1, count: order.count)
        for place in (0..<order.count - 1).reversed() { strides[place] = strides[place + 1] * record.shape[place + 1] }
        for element in elements {
            var rest = element
            var source = 0
            for dimension in order.reversed() {
                source += rest % record.shape[dimension] * strides[dimension]
                rest /= record.shape[dimension]
            }
            body(source, element - elements.lowerBound)
        }
    }
}
