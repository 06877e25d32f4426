import Archives
import Text

/// The numbers of a tensor that are computed from what is stored: codes with their scales, an adapter's change, a merged weight, a slice.
///
/// Nothing is computed before it is asked for, and everything that can be wrong with what is stored has been checked before: a value of
/// this kind can always be filled.
package protocol DerivedValues: Sendable {
    /// How the numbers come about, in a few words: `GPTQ, 4 bits, groups of 128`.
    var summary: String { get }

    /// The tensors that the numbers are made of, in a fixed order.
    var stored: [TensorRecord] { get }

    /// What else tells these numbers from others made of the same tensors, such as the place of a slice.
    var selection: [Int] { get }

    /// Whether what is stored beside the codes shows that no number is infinite or not a number. False where only the numbers can tell.
    var isCertainlyFinite: Bool { get }

    /// Writes a run of the numbers. May be called from several threads at once.
    ///
    /// - Parameters:
    ///   - target: as many elements as the run has.
    ///   - elements: places in row-major order, any range inside the tensor.
    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>)

    /// Writes a run of the numbers in double precision; by way of single precision where nothing else is said.
    func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>)
}

extension DerivedValues {
    package var selection: [Int] { [] }

    package var isCertainlyFinite: Bool { false }

    package func fill(_ target: UnsafeMutableBufferPointer<Double>, elements: Range<Int>) {
        let length = min(1 << 12, elements.count)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { piece in
            for start in stride(from: 0, to: elements.count, by: max(length, 1)) {
                let part = UnsafeMutableBufferPointer(rebasing: piece[..<min(length, elements.count - start)])
                fill(part, elements: elements.lowerBound + start..<elements.lowerBound + start + part.count)
                for (place, value) in part.enumerated() { target[start + place] = Double(value) }
            }
        }
    }
}

extension TensorRecord {
    /// A tensor whose numbers are computed from what is stored.
    ///
    /// - Parameter dtype: the type in which the numbers are written elsewhere, one of ``CheckpointDraft/roundedTypes``.
    /// - Throws: ``Problem`` where the shape's size overflows.
    package init(name: String, dtype: DType = .f32, shape: [Int], values: any DerivedValues) throws(Problem) {
        precondition(CheckpointDraft.roundedTypes.contains(dtype), "computed numbers as \(dtype.rawValue)")
        _ = try Self.byteCount(dtype: dtype, shape: shape)
        self.init(name: name, dtype: dtype, shape: shape, strides: nil, bytes: Self.noBytes, derived: values)
    }

    private static let noBytes = ByteRegion(copying: [])

    /// How the numbers come about where they are not stored as they are; nil for all others.
    package var encoding: String? { derived?.summary }

    /// The tensors of the file that hold the numbers: itself where nothing is computed.
    package var stored: [TensorRecord] { derived?.stored.flatMap(\.stored) ?? [self] }

    /// The bytes that the tensor takes in its file, with all that belongs to it.
    package var storedByteCount: Int {
        guard derived != nil else { return bytes.count }
        return stored.reduce(0) { $0.addingReportingOverflow($1.bytes.count).partialValue }
    }

    /// Whether the tensor shows its stored elements more than 64 times, as a view of stride 0 can without end.
    package var repeatsStorage: Bool {
        if derived != nil { return stored.contains(where: \.repeatsStorage) }
        return elementCount / 64 > storedElementCount
    }

    /// The elements that lie in the file, of which a view may show some repeatedly or not at all.
    package var storedElementCount: Int { derived != nil ? elementCount : bytes.count / dtype.bytesPerBlock * dtype.elementsPerBlock }

    /// Lets the tensor's pages leave resident memory; see ``ByteRegion/discardPages()``.
    package func discardPages() {
        if derived == nil { bytes.discardPages() } else { for record in stored { record.bytes.discardPages() } }
    }
}
