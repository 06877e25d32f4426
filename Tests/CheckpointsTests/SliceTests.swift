import Archives
import Testing

@testable import Checkpoints

@Suite struct SliceTests {
    /// 0, 1, ..., 23 as [2, 3, 4].
    private func whole() throws -> TensorRecord { try record("w", [2, 3, 4]) }

    @Test func a_place_takes_its_dimension_away() throws {
        let slice = try whole().sliced("w[1]", [.place(1)])
        #expect(slice.name == "w[1]" && slice.shape == [3, 4])
        #expect(slice.floats() == (12..<24).map(Float.init))
        #expect(try whole().sliced("w", [.all, .place(2)]).floats() == [8, 9, 10, 11, 20, 21, 22, 23])
    }

    @Test func places_are_ranges_with_steps() throws {
        let rows = try whole().sliced("w", [.place(0), .places(first: 1, step: 1, count: 2)])
        #expect(rows.shape == [2, 4] && rows.floats() == (4..<12).map(Float.init))
        let columns = try whole().sliced("w", [.place(1), .all, .places(first: 1, step: 2, count: 2)])
        #expect(columns.shape == [3, 2] && columns.floats() == [13, 15, 17, 19, 21, 23])
    }

    @Test func dimensions_change_places() throws {
        let turned = try whole().sliced("w", [.place(0)], order: [1, 0])
        #expect(turned.shape == [4, 3] && turned.floats() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    }

    @Test func a_slice_of_a_slice_and_of_a_strided_view_is_one_of_the_whole() throws {
        let turned = try whole().sliced("w", [], order: [2, 0, 1])
        #expect(turned.sliced("w", [.place(3), .place(1)]).floats() == [15, 19, 23])
        #expect(turned.negated().sliced("w", [.place(0), .place(0)]).floats() == [0, -4, -8])
    }

    /// The values of a tensor, computed.
    private struct Computed: DerivedValues {
        let record: TensorRecord
        var summary: String { "computed" }
        var stored: [TensorRecord] { [record] }
        func fill(_ target: UnsafeMutableBufferPointer<Float>, elements: Range<Int>) { record.fill(target, elements: elements) }
    }

    @Test(arguments: [
        [TensorRecord.Slice.place(1)], [.place(0), .places(first: 1, step: 2, count: 40)],
        [.place(1), .all, .places(first: 1, step: 2, count: 35)],
        [.all, .places(first: 3, step: 1, count: 9)],
    ])
    func computed_elements_are_sliced_as_stored_ones(slices: [TensorRecord.Slice]) throws {
        let stored = try record("w", [2, 90, 70])
        let computed = try TensorRecord(name: "w", shape: [2, 90, 70], values: Computed(record: stored))
        let (expected, found) = (stored.sliced("a", slices), computed.sliced("a", slices))
        #expect(found.shape == expected.shape && found.floats() == expected.floats() && found.doubles() == expected.doubles())
        #expect(found.encoding == "computed" && found.stored.map(\.name) == ["w"])
        // Any range of elements.
        let run = 17..<found.elementCount - 5
        let part = [Float](unsafeUninitializedCapacity: run.count) { target, count in
            found.fill(UnsafeMutableBufferPointer(rebasing: target[..<run.count]), elements: run)
            count = run.count
        }
        #expect(part == Array(expected.floats()[run]))
    }

    @Test func whole_blocks_are_sliced_in_place_and_cut_ones_computed() throws {
        // q8_0: a half-precision scale and 32 bytes.
        var blocks: [UInt8] = []
        for block in UInt8(0)..<8 { blocks += [0, 0x3C] + (0..<32).map { $0 + block } }
        let tensor = try TensorRecord(name: "q", dtype: .q8_0, shape: [2, 2, 64], bytes: ByteRegion(copying: blocks))
        let expert = tensor.sliced("q[1]", [.place(1)])
        #expect(expert.dtype == .q8_0 && expert.floats() == Array(tensor.floats()[128...]))
        let odd = tensor.sliced("q", [.all, .places(first: 1, step: 2, count: 1)])
        #expect(odd.floats() == Array(tensor.floats()[64..<128] + tensor.floats()[192...]))
        let columns = tensor.sliced("q", [.place(0), .all, .places(first: 1, step: 2, count: 32)])
        #expect(columns.floats() == stride(from: 1, to: 128, by: 2).map { tensor.floats()[$0] })
    }
}
