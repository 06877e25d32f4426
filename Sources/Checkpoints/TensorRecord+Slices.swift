import Archives
import Tensors

extension TensorRecord {
    /// The part of one dimension that is selected.
    package enum Slice: Sendable, Equatable {
        /// Every place.
        case all
        /// One place; the dimension is not in the result.
        case place(Int)
        /// `count` places from `first` on, `step` apart.
        case places(first: Int, step: Int, count: Int)
    }

    /// A part of the tensor as a separate tensor, which reads nothing before its elements are requested.
    ///
    /// - Parameters:
    ///   - name: what the part is called.
    ///   - slices: the part of each dimension; if there are fewer than dimensions, the last ones are whole. Indices must be inside the tensor.
    ///   - order: the dimensions of the result by their places in the tensor after the slices; nil for the same order.
    package func sliced(_ name: String, _ slices: [Slice], order: [Int]? = nil) -> TensorRecord {
        var view = ElementView(shape: shape)
        view.take(slices)
        if let order { view.reorder(order) }
        return viewed(name, view)
    }

    /// The numbers of the tensor with other ones in some of its parts.
    ///
    /// - Parameter parts: each with the numbers of a part in row-major order, and its slices.
    package func floats(replacing parts: [(slices: [Slice], values: Tensors.Tensor)]) -> Tensors.Tensor {
        let whole = sharedFloats(shape: shape).copied()
        for part in parts {
            var view = ElementView(shape: shape)
            view.take(part.slices)
            precondition(part.values.count == view.shape.reduce(1, *), "\(part.values.shape) for \(view.shape)")
            part.values.withElements { source in
                whole.withMutableElements { target in
                    for place in source.indices { target[view.place(of: place)] = source[place] }
                }
            }
        }
        return whole
    }

    private func viewed(_ name: String, _ view: ElementView) -> TensorRecord {
        if derived == nil, dtype.elementsPerBlock == 1 {
            // Strides of the storage instead of those of the elements.
            let own = strides ?? ElementView(shape: shape).steps
            let steps = view.origins.enumerated().map { place, axis in own[axis] * view.factors[place] }
            let offset = view.firsts.enumerated().reduce(0) { $0 + $1.element * own[$1.offset] }
            guard
                let record = try? TensorRecord(
                    name: name, dtype: dtype, shape: view.shape, strides: steps, offset: offset, storage: bytes)
            else { preconditionFailure("a slice \(view) of \(shape)") }
            return isNegated ? record.negated() : record
        }
        if derived == nil, view.isContiguous, view.offset % dtype.elementsPerBlock == 0,
            let size = try? Self.byteCount(dtype: dtype, shape: view.shape),
            let part = bytes.slice(offset: view.offset / dtype.elementsPerBlock * dtype.bytesPerBlock, count: size),
            let record = try? TensorRecord(name: name, dtype: dtype, shape: view.shape, bytes: part)
        {
            return record
        }
        // Blocks that are cut, and numbers that are computed: picked from what the whole gives.
        let type = derived == nil ? .f32 : dtype
        guard let record = try? TensorRecord(name: name, dtype: type, shape: view.shape, values: SlicedValues(whole: self, view: view))
        else {
            preconditionFailure("a slice \(view) of \(shape)")
        }
        return record
    }
}

/// The numbers of a part of a tensor whose elements are computed.
private struct SlicedValues: DerivedValues {
    let whole: TensorRecord
    let view: ElementView

    var summary: String { whole.encoding ?? "a part of \(whole.dtype.rawValue)" }
    var stored: [TensorRecord] { [whole] }
    var selection: [Int] { [view.offset] + view.shape + view.steps }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        pick(target, elements) { whole.fill($0, elements: $1) }
    }

    func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        pick(target, elements) { whole.fill($0, elements: $1) }
    }

    /// The number of elements that are read at once if the selected ones are among others.
    private static var pieceLength: Int { 1 << 17 }

    /// Reads run by run along the last dimension; if they are not contiguous, the elements between them are read too, and several
    /// rows at once, because computing one row at a time may be slow.
    private func pick<Scalar: BitwiseCopyable & BinaryFloatingPoint>(
        _ target: UnsafeMutableBufferPointer<Scalar>, _ elements: Range<Int>,
        _ read: (UnsafeMutableBufferPointer<Scalar>, Range<Int>) -> Void
    ) {
        guard !elements.isEmpty else { return }
        if view.isContiguous {
            read(target, view.offset + elements.lowerBound..<view.offset + elements.upperBound)
            return
        }
        let length = view.shape.last ?? 1
        let step = view.steps.last ?? 1
        let limit = step == 1 ? length : max(1, Self.pieceLength / step)
        let rowStep = view.shape.count >= 2 ? view.steps[view.shape.count - 2] : 0
        let rowCount = view.shape.count >= 2 ? view.shape[view.shape.count - 2] : 1
        let span = (length - 1) * step + 1
        let isDense = step > 1 && rowStep >= span && rowStep <= 2 * span && Self.pieceLength / rowStep >= 2
        withUnsafeTemporaryAllocation(of: Scalar.self, capacity: step == 1 ? 1 : max(limit * step, Self.pieceLength)) { spare in
            var element = elements.lowerBound
            while element < elements.upperBound {
                let column = element % length
                let rows = min(
                    (elements.upperBound - element) / length, rowCount - element / length % rowCount, Self.pieceLength / max(rowStep, 1))
                if isDense, column == 0, rows >= 2 {
                    let first = start(ofRow: element / length)
                    let whole = (rows - 1) * rowStep + span
                    read(UnsafeMutableBufferPointer(rebasing: spare[..<whole]), first..<first + whole)
                    for row in 0..<rows {
                        let place = element - elements.lowerBound + row * length
                        for i in 0..<length { target[place + i] = spare[row * rowStep + i * step] }
                    }
                    element += rows * length
                    continue
                }
                let count = min(length - column, elements.upperBound - element, limit)
                let first = start(ofRow: element / length) + column * step
                let part = UnsafeMutableBufferPointer(rebasing: target[(element - elements.lowerBound)...].prefix(count))
                if step == 1 {
                    read(part, first..<first + count)
                } else {
                    let span = (count - 1) * step + 1
                    read(UnsafeMutableBufferPointer(rebasing: spare[..<span]), first..<first + span)
                    for i in 0..<count { part[i] = spare[i * step] }
                }
                element += count
            }
        }
    }

    /// The first element of a row, counted over all dimensions but the last.
    private func start(ofRow row: Int) -> Int {
        var rest = row
        var place = view.offset
        for axis in view.shape.indices.dropLast().reversed() {
            place += rest % view.shape[axis] * view.steps[axis]
            rest /= view.shape[axis]
        }
        return place
    }
}

/// Places of a tensor's elements, counted in row-major order of the whole tensor.
struct ElementView: Sendable {
    private(set) var shape: [Int]
    /// The distance of neighbours along each dimension.
    private(set) var steps: [Int]
    /// The first element.
    private(set) var offset = 0
    /// For each dimension of the whole the place where the view begins.
    private(set) var firsts: [Int]
    /// The dimension of the whole tensor that each dimension comes from.
    private(set) var origins: [Int]
    /// The distance of neighbours in places of that dimension.
    private(set) var factors: [Int]

    init(shape: [Int]) {
        self.shape = shape
        var steps = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { steps[axis] = steps[axis + 1] * shape[axis + 1] }
        self.steps = steps
        firsts = Array(repeating: 0, count: shape.count)
        origins = Array(shape.indices)
        factors = Array(repeating: 1, count: shape.count)
    }

    mutating func take(_ slices: [TensorRecord.Slice]) {
        precondition(slices.count <= shape.count, "\(slices.count) slices of \(shape)")
        var kept: [Int] = []
        for axis in shape.indices {
            switch axis < slices.count ? slices[axis] : .all {
            case .all: kept.append(axis)
            case .place(let place):
                precondition(place >= 0 && place < shape[axis], "place \(place) of \(shape[axis])")
                firsts[axis] = place
                offset += place * steps[axis]
            case .places(let first, let step, let count):
                precondition(
                    first >= 0 && step > 0 && count > 0 && first + (count - 1) * step < shape[axis], "places \(first), \(step), \(count)")
                firsts[axis] = first
                offset += first * steps[axis]
                steps[axis] *= step
                factors[axis] = step
                shape[axis] = count
                kept.append(axis)
            }
        }
        shape = kept.map { shape[$0] }
        steps = kept.map { steps[$0] }
        factors = kept.map { factors[$0] }
        origins = kept
    }

    /// The place in the whole tensor of an element of the view, counted in row-major order.
    func place(of element: Int) -> Int {
        var (rest, place) = (element, offset)
        for axis in shape.indices.reversed() {
            place += rest % shape[axis] * steps[axis]
            rest /= shape[axis]
        }
        return place
    }

    mutating func reorder(_ order: [Int]) {
        precondition(order.sorted().elementsEqual(shape.indices), "order \(order) of \(shape)")
        shape = order.map { shape[$0] }
        steps = order.map { steps[$0] }
        factors = order.map { factors[$0] }
        origins = order.map { origins[$0] }
    }

    /// Whether the elements are contiguous in the view's order.
    var isContiguous: Bool {
        var expected = 1
        for (length, step) in zip(shape, steps).reversed() where length != 1 {
            if step != expected { return false }
            expected *= length
        }
        return true
    }
}
