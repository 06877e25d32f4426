import Archives
import Testing

@testable import Checkpoints

/// Every element of a stored tensor times a factor.
private struct Scaled: DerivedValues {
    let record: TensorRecord
    let factor: Float

    var summary: String { "times \(factor)" }
    var stored: [TensorRecord] { [record] }

    func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) {
        record.fill(target, elements: elements)
        for place in target.indices { target[place] *= factor }
    }
}

@Suite struct DerivedTensorTests {
    private func scaled(
        _ name: String = "w", _ values: [Float] = [1, 2, 3, -4, 5, 6], by factor: Float = 0.5, dtype: DType = .f32
    ) throws -> TensorRecord {
        let stored = try record("codes", [2, 3], values)
        return try TensorRecord(name: name, dtype: dtype, shape: [2, 3], values: Scaled(record: stored, factor: factor))
    }

    @Test func elementsAreComputed() throws {
        let tensor = try scaled()
        #expect(tensor.floats() == [0.5, 1, 1.5, -2, 2.5, 3])
        #expect(tensor.doubles() == [0.5, 1, 1.5, -2, 2.5, 3])
        #expect(tensor.sharedFloats(shape: [3, 2]).withElements { Array($0) } == [0.5, 1, 1.5, -2, 2.5, 3])
        #expect(tensor.negated().floats() == [-0.5, -1, -1.5, 2, -2.5, -3])
        #expect(tensor.encoding == "times 0.5")
        #expect(tensor.stored.map(\.name) == ["codes"])
        #expect(tensor.storedByteCount == 24)
    }

    @Test func longRunsInDoublePrecisionAreWhole() throws {
        let stored = try record("codes", [3, 5000])
        let tensor = try TensorRecord(name: "w", shape: [3, 5000], values: Scaled(record: stored, factor: 2))
        #expect(tensor.doubles() == (0..<15000).map { Double(2 * $0) })
    }

    @Test(arguments: [DType.f32, .f64, .bf16, .f16]) func gatheredElementsAreOfTheTensorsType(dtype: DType) throws {
        let tensor = try scaled(dtype: dtype)
        let plain = try TensorRecord(name: "w", dtype: dtype, shape: [2, 3], bytes: tensor.gathered())
        #expect(plain.floats() == [0.5, 1, 1.5, -2, 2.5, 3])
        let part = try TensorRecord(name: "w", dtype: dtype, shape: [1, 2], bytes: tensor.gathered([[1], [2, 0]]))
        #expect(part.floats() == [3, -2])
        let other = try TensorRecord(name: "w", dtype: dtype, shape: [2, 3], bytes: tensor.negated().gathered())
        #expect(other.floats() == [-0.5, -1, -1.5, 2, -2.5, -3])
    }

    @Test func layersReadWhatIsComputed() throws {
        let layer = Layer(tensor: try scaled(), layout: .transposed(blocks: 1, in: 2, out: 3))
        #expect(rows(try layer.weights()) == [[0.5, -2], [1, 2.5], [1.5, 3]])
    }

    @Test func whatIsNotFiniteIsCountedAfterTheComputation() throws {
        let count = NonFiniteCount(try scaled("w", [1, .nan, 3e38, -3e38, 0, .infinity], by: 2))
        #expect(count.nan == 1)
        #expect(count.infinite == 3)
    }

    @Test func tensorsOfTheSamePartsAreTiedWhereTheyAreComputedAlike() throws {
        let stored = try record("codes", [2, 3])
        let tensors = try [("a", Float(2)), ("b", 3), ("c", 2)].map {
            try TensorRecord(name: $0.0, shape: [2, 3], values: Scaled(record: stored, factor: $0.1))
        }
        #expect((tensors + [stored]).tied == [["a", "c"]])
    }

    @Test func aComputedTensorIsWrittenAsItsNumbers() throws {
        let tensor = try scaled()
        let draft = CheckpointDraft(tensors: [.init(tensor), .init(try scaled("half"), dtype: .f16)])
        var bytes: [UInt8] = []
        try SafetensorsWriter(draft.tensors, metadata: [:], path: "out").write { bytes += Array($0) }
        let checkpoint = try openCheckpoint(bytes)
        #expect(checkpoint["w"]?.floats() == [0.5, 1, 1.5, -2, 2.5, 3])
        #expect(checkpoint["half"]?.dtype == .f16)
        #expect(checkpoint["half"]?.floats() == [0.5, 1, 1.5, -2, 2.5, 3])
        #expect(checkpoint.stored.map(\.name) == checkpoint.tensors.map(\.name))
    }
}
