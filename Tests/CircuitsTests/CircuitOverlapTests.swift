import Testing

@testable import Circuits

@Suite struct CircuitOverlapTests {
    @Test func pairsAndWhatAllShareAreCounted() {
        let overlap = CircuitOverlap([[1, 2, 3, 4], [3, 4, 5], [9, 4]])
        #expect(overlap.sizes == [4, 3, 2])
        #expect(
            overlap.pairs == [
                .init(first: 0, second: 1, shared: 2, union: 5), .init(first: 0, second: 2, shared: 1, union: 5),
                .init(first: 1, second: 2, shared: 1, union: 4),
            ])
        #expect(overlap.pairs.map(\.ratio) == [0.4, 0.2, 0.25])
        #expect(overlap.sharedByAll == 1)
        #expect(overlap.union == 6)
    }

    @Test func emptyCircuitsHaveNoRatioAndRepetitionsCountOnce() {
        let overlap = CircuitOverlap([[], [], [7, 7]])
        #expect(overlap.sizes == [0, 0, 1])
        #expect(overlap.pairs.map(\.ratio) == [nil, 0, 0])
        #expect(overlap.sharedByAll == 0)
    }

    @Test func aWeightIsToldByItsTensorAndPlace() {
        var vocabulary = CircuitVocabulary()
        let first = vocabulary.numbers(group: "fc1.weight", elements: [0, 5])
        #expect(first == [vocabulary.number(group: "fc1.weight"), vocabulary.number(group: "fc1.weight", element: 5)])
        #expect(vocabulary.number(group: "fc2.weight", element: 5) != first[1])
        #expect(vocabulary.number(group: "a->b") != vocabulary.number(group: "b->a"))
    }
}
