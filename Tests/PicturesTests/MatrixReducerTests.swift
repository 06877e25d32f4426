import Testing

@testable import Pictures

@Suite struct MatrixReducerTests {
    /// Rows give the same cells in whatever order they come.
    @Test(arguments: [ReducedMatrix.Method.mean, .maximum]) func rowsMayComeInAnyOrder(method: ReducedMatrix.Method) {
        // Integers, whose sums do not depend on their order.
        let (rows, columns) = (7, 11)
        func entry(_ row: Int, _ column: Int) -> Float { row == 3 && column == 4 ? .nan : Float((row * 13 + column * 7) % 17) - 5 }
        let order = ReducedMatrix.Order(rows: [6, 0, 3, 1, 5, 2, 4], columns: [10, 1, 4, 3, 2, 0, 9, 8, 5, 6, 7])
        for side in [1, 2, 3, 5, 20] {
            let expected = ReducedMatrix(rows: rows, columns: columns, side: side, method: method, order: order, entry: entry)
            for numbers in [[0, 1, 2, 3, 4, 5, 6], [4, 2, 6, 0, 5, 1, 3]] {
                var reducer = MatrixReducer(rows: rows, columns: columns, side: side, method: method, order: order)
                for number in numbers {
                    (0..<columns).map { entry(number, $0) }.withUnsafeBufferPointer { reducer.add(row: number, $0) }
                }
                let found = reducer.reduced
                #expect((found.width, found.height) == (expected.width, expected.height))
                #expect(found.values.map(\.bitPattern) == expected.values.map(\.bitPattern))
            }
        }
    }

    @Test func heaviestWeightsComeFromRowsInTurn() {
        var gatherer = HeaviestWeights.Gatherer(limit: 2)
        let rows: [[Float]] = [[1, -5, 0], [.nan, 3, 5]]
        for (number, row) in rows.enumerated() {
            row.withUnsafeBufferPointer { gatherer.add(row: number, $0) }
        }
        let found = gatherer.heaviest
        #expect(found.count == 4)
        #expect(found.entries == [.init(row: 0, column: 1, weight: -5), .init(row: 1, column: 2, weight: 5)])
    }
}

@Suite struct OutlierLabelTests {
    private static let spreads: [[Double]] = [
        [0, 1, 2, 3], [0, 30, 60, 300, 560, 580, 600], [100, 100, 100], [590, 595, 600], [10, 200, 300, 420, 500, 520], [300, 590],
    ]

    /// No name lies on another, and no line crosses a name on its way down.
    @Test(arguments: spreads) func linesCrossNoNames(places: [Double]) {
        for text in ["a", "a name of some length", String(repeating: "w", count: 28)] {
            let labels = OutlierLabels.placed(places.map { ($0, text, text) }, width: 604)
            #expect(labels.map(\.x) == places)
            for first in labels {
                #expect(first.left >= 0 && first.left + first.length <= 604)
                for second in labels where second.row <= first.row {
                    #expect(!(second.left < first.x && first.x < second.left + second.length), "\(first) \(second)")
                }
            }
            for (place, first) in labels.enumerated() {
                for second in labels[(place + 1)...] where first.row == second.row {
                    #expect(first.left + first.length <= second.left || second.left + second.length <= first.left, "\(first) \(second)")
                }
            }
        }
    }
}

@Suite struct HeatMapNoteTests {
    /// A map of 4,000 x 3,000 that was reduced to 500 x 500 before is reduced again for a small panel: the note counts both.
    @Test func theNoteCountsAllReductions() {
        let reduced = ReducedMatrix(rows: 500, columns: 500, side: 500, method: .mean) { Float($0 + $1) }
        let map = HeatMap(
            title: "", rows: .init(count: 4000), columns: .init(count: 3000), values: .reduced(reduced, .mean))
        var panel = Panel(width: 322)
        panel.density = 1.0 / 3
        func texts(_ marks: [Mark]) -> [String] {
            marks.flatMap { mark -> [String] in
                switch mark.shape {
                case .text(let line): [line.string]
                case .group(let marks): texts(marks)
                default: []
                }
            }
        }
        // About 110 pixels for 4,000 rows.
        let note = texts(map.plot(in: panel).marks).first { $0.hasPrefix("each") } ?? ""
        let numbers = note.split { !$0.isNumber }.compactMap { Int($0) }
        #expect(numbers.count == 2 && (30...42).contains(numbers[0]) && (24...32).contains(numbers[1]), "\(note)")
    }

    @Test func anAxisWithoutNamesTakesNoRoomForThem() {
        let reduced = ReducedMatrix(rows: 50, columns: 50, side: 50, method: .mean) { Float($0 + $1) }
        func height(_ title: String) -> Double {
            let side = HeatMap.Side(count: 50, title: title)
            return HeatMap(title: "", rows: .init(count: 50), columns: side, values: .reduced(reduced, .mean)).plot(in: Panel(width: 400))
                .height
        }
        // A title is one line and a gap.
        #expect(height("columns") - height("") == Axes.labelSize + 5)
    }
}
