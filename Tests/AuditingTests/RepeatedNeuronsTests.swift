import Tensors
import Testing

@testable import Auditing

@Suite struct RepeatedNeuronsTests {
    private static func matrix(_ rows: [[Float]]) -> WeightMatrix {
        .single(
            Matrix(rows: rows.count, columns: rows[0].count) { target in
                for (place, value) in rows.joined().enumerated() { target[place] = value }
            })
    }

    private static func random(_ rows: Int, _ columns: Int, seed: UInt64) -> [[Float]] {
        var generator = SeededGenerator(seed: seed)
        return (0..<rows).map { _ in (0..<columns).map { _ in Float(generator.normal()) } }
    }

    @Test func equalRowsAndMultiplesAreToldApart() {
        let found = RepeatedNeurons(
            Self.matrix([[1, -2, 3], [0, 0, 0], [1, -2, 3], [-3, 6, -9], [1, 2, 3], [0, 0, 0], [0.1, -0.2, 0.3], [1, -2, 3.1]]))
        #expect(found.equal == [.init(neuron: 2, first: 0)])
        #expect(found.proportional == [.init(neuron: 3, first: 0), .init(neuron: 6, first: 0)])
    }

    @Test func equalMultiplesAreEqual() {
        let found = RepeatedNeurons(Self.matrix([[1, 2], [2, 4], [2, 4], [1, 2]]))
        #expect(found.equal == [.init(neuron: 2, first: 1), .init(neuron: 3, first: 0)])
        #expect(found.proportional == [.init(neuron: 1, first: 0)])
    }

    @Test(arguments: [2, 7, 300]) func noRandomRowRepeatsAnother(columns: Int) {
        let found = RepeatedNeurons(Self.matrix(Self.random(200, columns, seed: 1)))
        #expect(found.equal.isEmpty)
        #expect(found.proportional.isEmpty)
    }

    @Test func plantedRowsAreFoundWhereverTheyAre() {
        var rows = Self.random(400, 50, seed: 2)
        rows[390] = rows[3]
        rows[17] = rows[200].map { $0 * -1.7 }
        rows[399] = rows[200].map { $0 / 1000 }
        let found = RepeatedNeurons(Self.matrix(rows))
        #expect(found.equal == [.init(neuron: 390, first: 3)])
        #expect(found.proportional == [.init(neuron: 200, first: 17), .init(neuron: 399, first: 17)])
    }

    @Test func aRowThatDiffersInOneWeightIsNoMultiple() {
        var rows = Self.random(20, 30, seed: 3)
        rows[9] = rows[4].map { $0 * 2 }
        rows[9][29] *= 1.001
        #expect(RepeatedNeurons(Self.matrix(rows)).proportional.isEmpty)
    }

    @Test func identicalRowsWithoutEndAreCountedOnce() {
        let row: [Float] = [1, 2, 3]
        let found = RepeatedNeurons(Self.matrix(Array(repeating: row, count: 5000)))
        #expect(found.equal.count == 4999)
        #expect(found.proportional.isEmpty)
    }
}
