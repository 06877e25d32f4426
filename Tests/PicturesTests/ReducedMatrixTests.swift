import Testing

@testable import Pictures

struct ReducedMatrixTests {
    @Test func aMatrixThatFitsStaysAsItIs() {
        for method in [ReducedMatrix.Method.nearest, .mean, .maximum] {
            let matrix = ReducedMatrix(rows: 2, columns: 3, side: 3, method: method) { Float(10 * $0 + $1) }
            #expect((matrix.height, matrix.width) == (2, 3))
            #expect(matrix.values == [0, 1, 2, 10, 11, 12])
        }
    }

    /// 4 x 5 entries in 2 x 2 cells: rows 0-1 and 2-3, columns 0-1 and 2-4.
    @Test func cellsGatherWhatTheyCover() {
        let entries: [Float] = [
            1, 2, 3, 4, 5,
            -1, 0, 6, 0, 0,
            7, 7, 1, 1, 1,
            7, 9, 1, 1, 7,
        ]
        entries.withUnsafeBufferPointer { entries in
            let mean = ReducedMatrix(entries, rows: 4, columns: 5, side: 2, method: .mean)
            #expect(mean.values == [0.5, 3, 7.5, 2])
            let maximum = ReducedMatrix(entries, rows: 4, columns: 5, side: 2, method: .maximum)
            #expect(maximum.values == [2, 6, 9, 7])
            // Row 1 of 0-1, row 3 of 2-3; column 1 of 0-1, column 3 of 2-4.
            let nearest = ReducedMatrix(entries, rows: 4, columns: 5, side: 2, method: .nearest)
            #expect(nearest.values == [0, 0, 9, 1])
        }
    }

    @Test func rowsAndColumnsComeInTheOrderOfThePicture() {
        let matrix = ReducedMatrix(
            rows: 3, columns: 3, side: 9, method: .mean, order: .init(rows: [2, 0, 1], columns: [1, 2, 0])
        ) { Float(10 * $0 + $1) }
        #expect(matrix.values == [21, 22, 20, 1, 2, 0, 11, 12, 10])
        let part = ReducedMatrix(rows: 3, columns: 3, side: 2, method: .maximum, order: .init(rows: [2, 0, 1], columns: [1])) {
            Float(10 * $0 + $1)
        }
        #expect((part.height, part.width) == (2, 1))
        #expect(part.values == [21, 11])
    }

    @Test func entriesThatAreNoNumberAreLeftOut() {
        let values: [Float] = [.nan, 4, .nan, .nan, 2, .nan, .nan, .nan]
        values.withUnsafeBufferPointer { values in
            let mean = ReducedMatrix(values, rows: 2, columns: 4, side: 2, method: .mean)
            #expect(mean.values[0] == 4 && mean.values[1].isNaN && mean.values[2] == 2 && mean.values[3].isNaN)
            #expect(mean.range == 2...4)
            #expect(ReducedMatrix(values, rows: 1, columns: 8, side: 1, method: .maximum).values == [4])
        }
        let none = ReducedMatrix(rows: 1, columns: 2, side: 2, method: .mean) { _, _ in .nan }
        #expect(none.range == nil)
    }

    @Test func everyEntryIsCoveredOnce() {
        // Sums of cells times their sizes are the sum of all, for sides that divide nothing.
        let matrix = ReducedMatrix(rows: 97, columns: 41, side: 13, method: .mean) { Float($0 % 7 * $1 % 5) }
        var total: Double = 0
        var read = 0
        for y in 0..<13 {
            for x in 0..<13 {
                let count = ReducedMatrix.cover(y, of: 13, over: 97).count * ReducedMatrix.cover(x, of: 13, over: 41).count
                read += count
                total += Double(matrix.values[13 * y + x]) * Double(count)
            }
        }
        #expect(read == 97 * 41)
        let expected = (0..<97).reduce(0) { sum, row in (0..<41).reduce(sum) { $0 + row % 7 * $1 % 5 } }
        #expect(abs(total - Double(expected)) < 0.01)
    }

    @Test func rowsAreReadOneAtATime() {
        // As many entries as the widest layer of a large model has; only one row of them is in memory.
        var rows = 0
        let matrix = ReducedMatrix(rows: 11008, columns: 4096, side: 1024, method: .maximum) { number, row in
            rows += 1
            row.update(repeating: Float(number))
        }
        #expect(rows == 11008)
        #expect((matrix.height, matrix.width) == (1024, 1024))
        #expect(matrix.values[0] == 9 && matrix.values.last == 11007)
    }

    @Test func valuesTakeTheColoursOfTheirPlaceInTheRange() throws {
        let palette = (0..<4).map { Colour(red: UInt8($0), green: 0, blue: 0) }
        let matrix = ReducedMatrix(rows: 1, columns: 9, side: 9, method: .mean) { [-9, 0, 0.9, 1, 2.5, 3.9, 4, .infinity, .nan][$0 + $1] }
        let image = RasterImage(matrix, range: 0...4, palette: palette, missing: .transparent)
        guard case .palette(let colours, let indices) = image.pixels else {
            Issue.record("no palette")
            return
        }
        #expect(indices == [0, 0, 0, 1, 2, 3, 3, 3, 4])
        #expect(colours.last == .transparent)
        // A range of a single value, and infinite values.
        let flat = RasterImage(matrix, range: 1...1, palette: palette, missing: .transparent)
        #expect(flat.pixels == .palette(colours, indices: [0, 0, 0, 0, 0, 0, 0, 0, 4]))
    }
}
