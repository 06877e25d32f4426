import Text

/// The rows of a tensor in another order. One row at a time is read, so that a quantised tensor is never decoded as a whole.
struct RearrangedRows: DerivedValues {
    /// How the rows of queries and keys are stored.
    enum Order: Sendable {
        /// By neighbours: places 2 j and 2 j + 1 of each head are the halves' places j, which llama.cpp's rotary positions of Llama need.
        case neighbours(heads: Int)
        /// All heads' queries, then their keys, then their values, of which each head's three belong together.
        case byKind(heads: Int)
    }

    let base: TensorRecord
    let order: Order

    var summary: String { base.encoding ?? "rows of \(base.dtype.rawValue) in another order" }
    var stored: [TensorRecord] { [base] }
    var isCertainlyFinite: Bool { base.derived?.isCertainlyFinite ?? false }

    var selection: [Int] {
        switch order {
        case .neighbours(let heads): [2, heads]
        case .byKind(let heads): [3, heads]
        }
    }

    /// - Throws: ``Problem`` if the rows are not as many as the heads need.
    static func record(_ base: TensorRecord, name: String, _ order: Order) throws(Problem) -> TensorRecord {
        let parts =
            switch order {
            case .neighbours(let heads): heads.multipliedReportingOverflow(by: 2)
            case .byKind(let heads): heads.multipliedReportingOverflow(by: 3)
            }
        guard let rows = base.shape.first, !parts.overflow, parts.partialValue > 0, rows % parts.partialValue == 0 else {
            throw Problem(
                "does not divide into the model's heads", subject: "tensor '\(base.name)'",
                expected: "a multiple of \(parts.partialValue) rows",
                found: "\(base.shape)")
        }
        let dtype = CheckpointDraft.roundedTypes.contains(base.dtype) ? base.dtype : .f32
        return try TensorRecord(name: name, dtype: dtype, shape: base.shape, values: RearrangedRows(base: base, order: order))
    }

    private var rows: Int { base.shape[0] }

    /// The stored row of a row.
    func source(of row: Int) -> Int {
        switch order {
        case .neighbours(let heads):
            let (head, place) = row.quotientAndRemainder(dividingBy: rows / heads)
            let (half, pair) = place.quotientAndRemainder(dividingBy: rows / heads / 2)
            return head * (rows / heads) + 2 * pair + half
        case .byKind(let heads):
            let width = rows / heads / 3
            let (head, rest) = row.quotientAndRemainder(dividingBy: 3 * width)
            let (kind, place) = rest.quotientAndRemainder(dividingBy: width)
            return kind * heads * width + head * width + place
        }
    }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        forEachRun(elements) { run, place in
            base.fill(UnsafeMutableBufferPointer(rebasing: target[place..<place + run.count]), elements: run)
        }
    }

    func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        forEachRun(elements) { run, place in
            base.fill(UnsafeMutableBufferPointer(rebasing: target[place..<place + run.count]), elements: run)
        }
    }

    /// Calls `body` with the stored elements of each row's part, and where they belong.
    private func forEachRun(_ elements: Range<Int>, _ body: (Range<Int>, Int) -> Void) {
        let width = max(1, base.elementCount / max(rows, 1))
        var position = elements.lowerBound
        while position < elements.upperBound {
            let (row, column) = position.quotientAndRemainder(dividingBy: width)
            let count = min(width - column, elements.upperBound - position)
            let start = source(of: row) * width + column
            body(start..<start + count, position - elements.lowerBound)
            position += count
        }
    }
}

/// The numbers of a tensor less a constant: the norms of a model whose files hold one plus the weights.
struct ShiftedValues: DerivedValues {
    let base: TensorRecord
    let shift: Float

    var summary: String { "\(base.dtype.rawValue) and \(shift)" }
    var stored: [TensorRecord] { [base] }
    var selection: [Int] { [Int(shift.bitPattern)] }
    var isCertainlyFinite: Bool { base.derived?.isCertainlyFinite ?? false }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        base.fill(target, elements: elements)
        for place in target.indices { target[place] += shift }
    }
}
