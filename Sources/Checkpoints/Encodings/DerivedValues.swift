import Archives
import Text

/// The numbers of a tensor that are computed from what is stored: codes with their scales, an adapter's change, a merged weight, a slice.
///
/// Nothing is computed before it is requested, and everything that can be wrong with the stored tensors has been checked before: a value of
/// this kind can always be filled.
package protocol DerivedValues: Sendable {
    /// How the numbers are computed, in a few words: `GPTQ, 4 bits, groups of 128`.
    var summary: String { get }

    /// The tensors that the numbers are made of, in a fixed order.
    var stored: [TensorRecord] { get }

    /// What distinguishes these numbers from others computed from the same tensors, such as the position of a slice.
    var selection: [Int] { get }

    /// Whether the scales and other parts show that every number is finite. False if only the numbers themselves can show it.
    var isCertainlyFinite: Bool { get }

    /// Writes a run of the numbers. May be called from several threads at once.
    ///
    /// - Parameters:
    ///   - target: as many elements as the run has.
    ///   - elements: places in row-major order, any range inside the tensor.
    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>)

    /// Writes a run of the numbers in double precision; the default implementation goes through single precision.
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
    /// - Throws: ``Problem`` if the shape's size overflows.
    package init(name: String, dtype: DType = .f32, shape: [Int], values: any DerivedValues) throws(Problem) {
        precondition(CheckpointDraft.roundedTypes.contains(dtype), "computed numbers as \(dtype.rawValue)")
        _ = try Self.byteCount(dtype: dtype, shape: shape)
        self.init(name: name, dtype: dtype, shape: shape, strides: nil, bytes: Self.noBytes, derived: values)
    }

    private static let noBytes = ByteRegion(copying: [])

    /// How the numbers are computed; nil if they are stored unencoded.
    package var encoding: String? { derived?.summary }

    /// The tensors of the file that hold the numbers: itself if nothing is computed.
    package var stored: [TensorRecord] { derived?.stored.flatMap(\.stored) ?? [self] }

    /// The bytes that the tensor and its parts occupy in the file.
    package var storedByteCount: Int {
        guard derived != nil else { return bytes.count }
        return stored.reduce(0) { $0.addingReportingOverflow($1.bytes.count).partialValue }
    }

    /// Whether the tensor repeats its stored elements more than 64 times, as a view of stride 0 can without limit.
    package var repeatsStorage: Bool {
        if derived != nil { return stored.contains(where: \.repeatsStorage) }
        return elementCount / 64 > storedElementCount
    }

    /// The elements that the file stores, some of which a view may repeat or leave out.
    package var storedElementCount: Int { derived != nil ? elementCount : bytes.count / dtype.bytesPerBlock * dtype.elementsPerBlock }

    /// Lets the tensor's pages leave resident memory; see ``ByteRegion/discardPages()``.
    package func discardPages() {
        if derived == nil { bytes.discardPages() } else { for record in stored { record.bytes.discardPages() } }
    }
}
