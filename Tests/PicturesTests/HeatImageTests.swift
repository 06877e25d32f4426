import Testing

@testable import Pictures

/// Images that fit their room in the file.
@Suite struct HeatImageTests {
    /// Magnitudes of noise: the same numbers each time.
    private static func noise(_ width: Int, _ height: Int) -> ReducedMatrix {
        var state: UInt64 = 7
        return ReducedMatrix(
            width: width, height: height,
            values: (0..<width * height).map { _ in
                // Sums of uniform numbers are nearly normal.
                var sum: Float = -2
                for _ in 0..<4 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    sum += Float(state >> 40) / Float(1 << 24)
                }
                return abs(sum)
            })
    }

    private static let scale = HeatScale(range: 0...1.5, scheme: .sequential)

    @Test func meansWeightCellsByTheSharedArea() {
        // Each new cell has one and a half of the old ones.
        let row = ReducedMatrix(width: 3, height: 1, values: [1, 2, 4])
        #expect(row.shrunk(width: 2, height: 1, method: .mean).values == [Float(4) / 3, Float(10) / 3])
        #expect(
            ReducedMatrix(width: 1, height: 3, values: [1, 2, 4]).shrunk(width: 1, height: 2, method: .mean).values == [4.0 / 3, 10.0 / 3])
        #expect(row.shrunk(width: 2, height: 1, method: .maximum).values == [2, 4])
        #expect(row.shrunk(width: 1, height: 1, method: .nearest).values == [2])
        #expect(row.shrunk(width: 3, height: 1, method: .mean) == row)
        // In both directions: 9 cells to 4, whose corners weigh 4, edges 2, the middle 1.
        let square = ReducedMatrix(width: 3, height: 3, values: [1, 0, 0, 0, 9, 0, 0, 0, 0])
        #expect(square.shrunk(width: 2, height: 2, method: .mean).values == [13.0 / 9, 1, 1, 1])
        #expect(square.shrunk(width: 2, height: 2, method: .maximum).values == [9, 9, 9, 9])
    }

    @Test func meansLeaveOutWhatIsNoNumber() {
        let row = ReducedMatrix(width: 4, height: 1, values: [.nan, .nan, .nan, 5])
        let half = row.shrunk(width: 2, height: 1, method: .mean).values
        #expect(half[0].isNaN && half[1] == 5)
        let infinite = ReducedMatrix(width: 3, height: 1, values: [.infinity, 1, 1]).shrunk(width: 2, height: 1, method: .mean)
        #expect(infinite.values == [.infinity, 1])
        let none = ReducedMatrix(width: 2, height: 2, values: [.nan, .nan, .nan, .nan]).shrunk(width: 1, height: 1, method: .maximum)
        #expect(none.values[0].isNaN)
    }

    @Test(arguments: [(120, 90), (37, 300), (1, 3)])
    func theMeanOfAllStays(width: Int, height: Int) {
        let matrix = Self.noise(width, height)
        let all = matrix.values.reduce(0.0) { $0 + Double($1) } / Double(width * height)
        for (newWidth, newHeight) in [(1, 1), (width, 1), (1, height), (max(1, width * 2 / 3), max(1, height * 3 / 7))] {
            let shrunk = matrix.shrunk(width: newWidth, height: newHeight, method: .mean)
            let mean = shrunk.values.reduce(0.0) { $0 + Double($1) } / Double(newWidth * newHeight)
            #expect(abs(mean - all) < 1e-6)
        }
    }

    @Test(arguments: [(240, 280), (900, 30), (20, 450)])
    func noiseFitsItsRoom(width: Int, height: Int) throws {
        let matrix = Self.noise(width, height)
        let rectangle = Rectangle(x: 0, y: 0, width: 300, height: 300)
        for limit in [100_000, 20_000, 4_000, 0] {
            let image = try HeatImage(matrix, method: .mean, scale: Self.scale, in: rectangle, limit: limit)
            let length = (image.png.count + 2) / 3 * 4
            #expect(length <= limit || image.matrix.values.count == 1, "\(length) of \(limit)")
            let read = try PNGReader(image.png)
            #expect((read.width, read.height) == (image.matrix.width, image.matrix.height))
            #expect(read.colourType == 3)
            // As much as there is room for is shown: in an image of more than 4 bits a pixel nothing was left out.
            #expect(read.depth == 4 || image.matrix == matrix)
            // Means differ less from each other, and take less room than foreseen.
            #expect(limit == 0 || length > limit / 4 || image.matrix == matrix, "\(length) of \(limit)")
            // The pixels that are left are as square as they can be.
            if image.matrix.width < width, image.matrix.height < height { #expect(abs(image.matrix.width - image.matrix.height) <= 1) }
        }
    }

    @Test func theSameMatrixGivesTheSameBytes() throws {
        let rectangle = Rectangle(x: 0, y: 0, width: 300, height: 200)
        func image() throws -> [UInt8] {
            try HeatImage(Self.noise(150, 130), method: .mean, scale: Self.scale, in: rectangle, limit: 5_000).png
        }
        #expect(try image() == image())
    }

    @Test func whatIsSmoothOrSparseKeepsItsLevels() throws {
        let rectangle = Rectangle(x: 0, y: 0, width: 300, height: 300)
        func matrix(_ value: (_ row: Int, _ column: Int) -> Float) -> ReducedMatrix {
            var values: [Float] = []
            for row in 0..<400 { for column in 0..<400 { values.append(value(row, column)) } }
            return ReducedMatrix(width: 400, height: 400, values: values)
        }
        let blocks = matrix { row, column in
            guard row / 100 == column / 100 else { return 0 }
            return 1 + Float(column % 5) / 10
        }
        let slope = matrix { row, column in Float(row + column) / 800 }
        for matrix in [blocks, slope] {
            let image = try HeatImage(matrix, method: .mean, scale: Self.scale, in: rectangle, limit: 30_000)
            #expect(image.matrix == matrix)
            #expect(try PNGReader(image.png).depth == 8)
        }
        let levels = Set(try PNGReader(HeatImage(slope, method: .mean, scale: Self.scale, in: rectangle, limit: 30_000).png).pixels)
        // 798 of 800 is level 169 of 254 for 1.5.
        #expect(levels.count == 170)
    }

    @Test func fewLevelsKeepNothingInTheMiddle() {
        let matrix = ReducedMatrix(width: 4, height: 1, values: [-2, 0, 2, .nan])
        for count in [255, 63, 15] {
            guard
                case .palette(let palette, let indices) = HeatScale(range: -2...2, scheme: .diverging).image(matrix, colours: count).pixels
            else { continue }
            #expect(palette.count == count + 1)
            #expect(indices.map(Int.init) == [0, count / 2, count - 1, count])
            #expect(palette[count / 2].alpha == 0)
        }
    }

    /// A matrix much wider than high has no more pixels than its low frame shows.
    @Test func bothSidesFollowTheFrame() throws {
        let matrix = ReducedMatrix(width: 1150, height: 768, values: [Float](repeating: 1, count: 1150 * 768))
        let map = HeatMap(title: "", rows: .init(count: 768), columns: .init(count: 3072), values: .reduced(matrix, .mean))
        var sizes: [[Int]] = []
        for mark in map.plot(in: Panel(width: 696)).marks {
            guard case .image(let rectangle, let png) = mark.shape else { continue }
            let read = try PNGReader(png)
            sizes.append([read.width, read.height])
            #expect(Double(read.height) <= 2.5 * rectangle.height && Double(read.height) > 1.5 * rectangle.height)
        }
        #expect(sizes.count == 1 && sizes[0][0] == 1150)
    }

    @Test func manyImagesShareTheFile() {
        for count in [1, 2, 6, 24, 60, 200] { #expect(count * Panel.imageBytes(of: count) <= 400_000) }
        #expect(Panel.imageBytes(of: 1) == 280_000)
        let maps = (0..<9).map { place in
            HeatMap(
                title: "layer \(place)", rows: .init(count: 300), columns: .init(count: 300),
                values: .reduced(Self.noise(300, 300), .mean))
        }
        #expect(SVG.bytes(Sheet(title: "", charts: maps).drawing()).count < 320_000)
        #expect(SVG.bytes(Sheet(title: "", charts: maps).drawing(imageBytes: 50_000)).count < 90_000)
    }
}
