import Archives
import Text

/// A tensor whose elements are those of others, in another order.
protocol CopiedValues: DerivedValues {
    /// Calls `body` with the stored elements that `elements` consists of, and where in the run of them they go.
    func forEachPart(of elements: Range<Int>, _ body: (TensorRecord, Range<Int>, Int) -> Void)
}

extension CopiedValues {
    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        forEachPart(of: elements) { record, source, place in
            record.fill(UnsafeMutableBufferPointer(rebasing: target[place..<place + source.count]), elements: source)
        }
    }

    func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        forEachPart(of: elements) { record, source, place in
            record.fill(UnsafeMutableBufferPointer(rebasing: target[place..<place + source.count]), elements: source)
        }
    }
}

/// A tensor assembled from runs of others, which follow each other in row-major order.
struct JoinedValues: CopiedValues {
    /// Consecutive elements of one stored tensor.
    struct Run: Sendable {
        let record: TensorRecord
        let elements: Range<Int>
    }

    let summary: String
    let stored: [TensorRecord]
    private let runs: [Run]
    /// The position of each run's first element, then the number of all elements.
    private let starts: [Int]

    /// - Precondition: the runs are inside their tensors, and an Int can count their elements.
    init(_ runs: [Run], summary: String) {
        self.summary = summary
        self.runs = runs.filter { !$0.elements.isEmpty }
        stored = self.runs.map(\.record)
        var starts = [0]
        for run in self.runs { starts.append(starts[starts.count - 1] + run.elements.count) }
        self.starts = starts
    }

    var selection: [Int] { runs.flatMap { [$0.elements.lowerBound, $0.elements.upperBound] } }

    func forEachPart(of elements: Range<Int>, _ body: (TensorRecord, Range<Int>, Int) -> Void) {
        guard !elements.isEmpty else { return }
        var low = 0
        var high = runs.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if starts[middle] <= elements.lowerBound { low = middle } else { high = middle }
        }
        var position = elements.lowerBound
        for run in low..<runs.count where position < elements.upperBound {
            let first = runs[run].elements.lowerBound + position - starts[run]
            let count = min(starts[run + 1], elements.upperBound) - position
            body(runs[run].record, first..<first + count, position - elements.lowerBound)
            position += count
        }
    }
}

/// A tensor put together from blocks of any place in it.
struct BlockValues: CopiedValues {
    /// A stored tensor and the place of its first element in the whole.
    struct Block: Sendable {
        let record: TensorRecord
        let offsets: [Int]
    }

    let summary: String
    let stored: [TensorRecord]
    private let shape: [Int]
    private let blocks: [Block]

    /// - Precondition: the blocks are of the whole's number of dimensions, at least one, and cover it without overlaps.
    init(_ blocks: [Block], shape: [Int], summary: String) {
        self.blocks = blocks
        self.shape = shape
        self.summary = summary
        stored = blocks.map(\.record)
    }

    var selection: [Int] { blocks.flatMap(\.offsets) }

    /// Row by row: what each block has of the row.
    func forEachPart(of elements: Range<Int>, _ body: (TensorRecord, Range<Int>, Int) -> Void) {
        let last = shape.count - 1
        let columns = shape[last]
        var position = elements.lowerBound
        while position < elements.upperBound {
            let row = position / columns
            let column = position % columns
            let end = min(columns, column + elements.upperBound - position)
            for block in blocks {
                let width = block.record.shape[last]
                let from = max(column, block.offsets[last])
                let to = min(end, block.offsets[last] + width)
                guard from < to, let inner = block.row(row, of: shape) else { continue }
                let first = inner * width + from - block.offsets[last]
                body(block.record, first..<first + to - from, position - elements.lowerBound + from - column)
            }
            position += end - column
        }
    }
}

extension BlockValues.Block {
    /// The row of the block that is part of row `row` of the whole tensor, counted over all dimensions but the last; nil if there is none.
    fileprivate func row(_ row: Int, of shape: [Int]) -> Int? {
        var rest = row
        var inner = 0
        var stride = 1
        for dimension in (0..<shape.count - 1).reversed() {
            let place = rest % shape[dimension] - offsets[dimension]
            rest /= shape[dimension]
            guard place >= 0, place < record.shape[dimension] else { return nil }
            inner += place * stride
            stride *= record.shape[dimension]
        }
        return inner
    }
}

extension TensorRecord {
    /// The tensor that consists of runs of others.
    ///
    /// A single run of stored elements is used in place; integers, of which there are few, are copied.
    ///
    /// - Throws: ``Problem`` if the runs do not fill the shape, or are of different types.
    static func joined(
        name: String, shape: [Int], runs: [JoinedValues.Run], summary: String
    ) throws(Problem) -> TensorRecord {
        let runs = runs.filter { !$0.elements.isEmpty }
        guard let dtype = runs.first?.record.dtype else {
            let size = try byteCount(dtype: .f32, shape: shape)
            guard size == 0 else { throw Problem(problem: "has no parts", expected: "\(size / 4) elements") }
            return try TensorRecord(name: name, dtype: .f32, shape: shape, bytes: ByteRegion(copying: []))
        }
        if let other = runs.first(where: { $0.record.dtype != dtype }) {
            throw Problem(
                problem: "has parts of several types", expected: dtype.rawValue, found: other.record.dtype.rawValue)
        }
        let size = try byteCount(dtype: dtype, shape: shape)
        let count = size / dtype.bytesPerBlock * dtype.elementsPerBlock
        var held = 0
        for run in runs {
            let (sum, overflow) = held.addingReportingOverflow(run.elements.count)
            guard !overflow else { throw Problem(problem: "has parts that overflow") }
            held = sum
        }
        guard held == count else {
            throw Problem(problem: "has parts that do not fill it", expected: "\(count) elements", found: "\(held)")
        }
        let width = dtype.bytesPerBlock
        func bytes(_ run: JoinedValues.Run) -> ByteRegion? {
            guard run.record.strides == nil, run.record.derived == nil, !run.record.isNegated, dtype.elementsPerBlock == 1 else {
                return nil
            }
            return run.record.bytes.slice(offset: run.elements.lowerBound * width, count: run.elements.count * width)
        }
        if runs.count == 1, let part = bytes(runs[0]) { return try TensorRecord(name: name, dtype: dtype, shape: shape, bytes: part) }
        if CheckpointDraft.roundedTypes.contains(dtype) {
            return try TensorRecord(name: name, dtype: dtype, shape: shape, values: JoinedValues(runs, summary: summary))
        }
        guard size <= copyLimit else {
            throw Problem(problem: "holds integers in several parts", expected: "at most \(copyLimit) bytes", found: "\(size)")
        }
        var copy: [UInt8] = []
        copy.reserveCapacity(size)
        for run in runs {
            guard let part = bytes(run) else { throw Problem(problem: "holds views of integers in several parts") }
            copy += part.bytes(0..<part.count) ?? []
        }
        return try TensorRecord(name: name, dtype: dtype, shape: shape, bytes: ByteRegion(copying: copy))
    }

    /// The bytes of integers that are copied to bring them together.
    private static let copyLimit = 1 << 26

    /// The tensor that blocks make, each with the place of its first element.
    ///
    /// - Throws: ``Problem`` if they leave the shape, overlap, or do not cover it.
    static func assembled(
        name: String, shape: [Int], blocks: [BlockValues.Block], summary: String
    ) throws(Problem) -> TensorRecord {
        var known: Set<[Int]> = []
        // A part that several processes hold is listed once for each of them by some versions.
        let blocks = blocks.filter { !$0.record.shape.contains(0) && known.insert($0.offsets + $0.record.shape).inserted }
        guard blocks.count <= blockLimit else {
            throw Problem(problem: "has too many parts", expected: "at most \(blockLimit)", found: "\(blocks.count)")
        }
        for block in blocks {
            guard block.offsets.count == shape.count, block.record.shape.count == shape.count,
                zip(zip(block.offsets, block.record.shape), shape).allSatisfy({ part, length in
                    part.0 >= 0 && part.0 <= length && part.1 <= length - part.0
                })
            else {
                throw Problem(
                    problem: "has a part that extends past its bounds", expected: "parts of \(shape)",
                    found: "\(block.record.shape) at \(block.offsets)")
            }
        }
        for (place, block) in blocks.enumerated() {
            for other in blocks[..<place] {
                let isApart = shape.indices.contains {
                    block.offsets[$0] >= other.offsets[$0] + other.record.shape[$0]
                        || other.offsets[$0] >= block.offsets[$0] + block.record.shape[$0]
                }
                guard isApart else {
                    throw Problem(problem: "has parts that overlap", found: "parts at \(other.offsets) and \(block.offsets)")
                }
            }
        }
        let isSplitOnce = blocks.allSatisfy { $0.record.shape.dropFirst().elementsEqual(shape.dropFirst()) }
        if isSplitOnce || shape.isEmpty {
            let order = blocks.sorted { $0.offsets.lexicographicallyPrecedes($1.offsets) }
            return try joined(
                name: name, shape: shape, runs: order.map { .init(record: $0.record, elements: 0..<$0.record.elementCount) },
                summary: summary)
        }
        let count = blocks.reduce(0) { $0 + $1.record.elementCount }
        let size = try byteCount(dtype: .u8, shape: shape)
        guard count == size else {
            throw Problem(problem: "has parts that do not fill it", expected: "\(size) elements", found: "\(count)")
        }
        let dtype = blocks[0].record.dtype
        guard blocks.allSatisfy({ $0.record.dtype == dtype }) else { throw Problem(problem: "has parts of several types") }
        guard CheckpointDraft.roundedTypes.contains(dtype) else {
            throw Problem(problem: "holds integers in blocks of several columns", found: dtype.rawValue)
        }
        return try TensorRecord(name: name, dtype: dtype, shape: shape, values: BlockValues(blocks, shape: shape, summary: summary))
    }

    /// The parts of one tensor; there is one for each process at most.
    private static let blockLimit = 4096
}
