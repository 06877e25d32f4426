import Testing

@testable import Tensors

struct ProductTests {
    private func random(_ shape: [Int], _ seed: UInt64) -> MutableTensor {
        var generator = SeededGenerator(seed: seed)
        return MutableTensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) })
    }

    /// Sizes with one tile and with many, with incomplete tiles at the ends.
    @Test(arguments: [(3, 5, 7), (1, 1, 1), (260, 40, 530), (513, 33, 1030)], [Product.Layout.straight, .transposed])
    func products_are_those_of_the_definition(sizes: (m: Int, k: Int, n: Int), layout: Product.Layout) {
        let (m, k, n) = sizes
        let a = random(layout == .straight ? [m, k] : [k, m], 1)
        let b = random(layout == .straight ? [k, n] : [n, k], 2)
        let c = random([m, n], 3)
        let before = c.elements
        Product.multiply(
            .init(a, layout), .init(b, layout), rows: m, inner: k, columns: n, scale: 0.5, into: .init(c), .add, team: Team(size: 2))
        let (x, y, z) = (a.elements, b.elements, c.elements)
        for row in stride(from: 0, to: m, by: max(1, m / 7)) {
            for column in stride(from: 0, to: n, by: max(1, n / 11)) {
                var sum = Double(before[row * n + column])
                for i in 0..<k {
                    let left = layout == .straight ? x[row * k + i] : x[i * m + row]
                    let right = layout == .straight ? y[i * n + column] : y[column * k + i]
                    sum += 0.5 * Double(left) * Double(right)
                }
                #expect(abs(Double(z[row * n + column]) - sum) < 1e-4)
            }
        }
    }

    /// Shapes of one tile, of few and of many, with incomplete tiles at the ends.
    @Test(arguments: [
        (1, 1, 1), (64, 64, 784), (128, 768, 3072), (128, 2304, 768), (257, 513, 4096), (3830, 10, 512), (36, 80, 12288), (8, 50257, 768),
    ])
    func tiles_cover_a_product_once(shape: (rows: Int, columns: Int, inner: Int)) {
        let tiles = ProductTiles(rows: shape.rows, inner: shape.inner, columns: shape.columns)
        var seen = [Int](repeating: 0, count: shape.rows * shape.columns)
        for tile in 0..<tiles.count {
            let (row, column, height, width) = tiles[tile]
            #expect(height > 0 && width > 0)
            for line in row..<row + height { for place in column..<column + width { seen[line * shape.columns + place] += 1 } }
        }
        #expect(seen.allSatisfy { $0 == 1 })
        // Two threads have the same amount of work, up to the size of a tile.
        if tiles.count > 1 { #expect(tiles.count % 2 == 0 || tiles.count > 8) }
    }

    @Test func parts_of_tensors_are_factors() {
        // Columns 1 and 2 of the rows of a, times columns 0 and 2 of the identity.
        let a = Tensor(shape: [2, 4], [1, 2, 3, 4, 5, 6, 7, 8])
        let b = Tensor(shape: [2, 2], [1, 0, 0, 10])
        let c = MutableTensor.zeros([2, 3])
        Product.multiply(
            .init(a, offset: 1), .init(b), rows: 2, inner: 2, columns: 2, into: .init(c, offset: 1), team: Team(size: 1))
        #expect(c.elements == [0, 2, 30, 0, 6, 70])
    }

    @Test func columns_are_summed() {
        let sums = MutableTensor(shape: [3], [1, 0, 0])
        Product.addColumnSums(of: Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6]), to: sums, team: Team(size: 1))
        #expect(sums.elements == [6, 7, 9])
    }
}
