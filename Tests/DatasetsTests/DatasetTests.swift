import Testing
import Text

@testable import Datasets

@Suite struct DatasetTests {
    @Test func selectingKeepsTheOrderThatIsAskedFor() throws {
        let whole = try DataFixtures.source("bytes.npz").open()
        let expected = try #require(DataFixtures.expected["bytes.npz"]?.values)
        let size = 24
        let part = whole.selecting([4, 0, 0, 2])
        #expect(part.count == 4)
        #expect(part.labels == [1, 3, 3, 9])
        #expect(part.allValues == [4, 0, 0, 2].flatMap { expected[$0 * size..<$0 * size + size] })
        let again = part.selecting([3, 0])
        #expect(again.labels == [9, 1])
        #expect(again.allValues == [2, 4].flatMap { expected[$0 * size..<$0 * size + size] })
        #expect(whole.selecting([]).count == 0)
        #expect(whole.selecting([]).allValues == [])
    }

    @Test func anyOrderOfSamplesFillsABatch() throws {
        let whole = try #require(try DataFixtures.source("fortran.npz").open().values)
        let expected = try #require(DataFixtures.expected["fortran.npz"]?.values)
        for samples in [[0], [5, 4, 3], [1, 2, 3, 0, 1], Array(0..<6)] {
            #expect(whole.values(of: samples) == samples.flatMap { expected[$0 * 12..<$0 * 12 + 12] })
        }
        #expect(whole.values(of: 2..<4) == Array(expected[24..<48]))
    }

    @Test func theLargestOfEachKindIsNamedWithItsPlace() throws {
        let images = try DataFixtures.source("bytes.npz").open()
        #expect(images.largestTarget == .init(value: 9, sample: 2))
        #expect(images.classCount == 10)
        let tokens = try DataFixtures.source("tokens.npz").open()
        #expect(tokens.largestTarget == .init(value: 10, sample: 3))
        #expect(tokens.classCount == nil)
        let ids = try #require(DataFixtures.expected["tokens.npz"]?.tokens)
        let largest = try #require(ids.joined().max())
        let sample = try #require(ids.firstIndex { $0.contains(largest) })
        #expect(tokens.tokens?.largestToken() == .init(value: largest, sample: sample, position: ids[sample].firstIndex(of: largest) ?? -1))
        #expect(try DataFixtures.source("flat-bytes.npz").open().largestTarget == nil)
    }

    @Test func sequencesMayDifferInLength() {
        let tokens = TokenSequences([[3, 1], [], [2, 7, 5]])
        #expect((0..<3).map { tokens.length(of: $0) } == [2, 0, 3])
        #expect(tokens.maximumLength == 3)
        #expect(tokens.tokens(of: 2) == [2, 7, 5])
        #expect(tokens.largestToken() == .init(value: 7, sample: 2, position: 1))
        #expect(TokenSequences([]).largestToken() == nil)
    }

    @Test(
        arguments: [
            ("0.1307,0.3081", [0.1307], [0.3081]), ("0,1", [0], [1]), ("-1,2,3,4", [-1, 2], [3, 4]),
            ("0.5,0.4,0.3,0.2,0.1,1e-3", [0.5, 0.4, 0.3], [0.2, 0.1, 1e-3]),
        ] as [(String, [Float], [Float])])
    func normalisationsAreMeansThenDeviations(_ text: String, _ means: [Float], _ deviations: [Float]) throws {
        #expect(try Normalization(text) == Normalization(means: means, deviations: deviations))
    }

    @Test(arguments: ["", "1", "1,2,3", "0,0", "0,-1", "nan,1", "0,inf", "a,b", "1,,2,3", "0, 1"])
    func normalisationsThatMakeNoSenseAreRefused(_ text: String) {
        #expect(throws: Problem.self) { try Normalization(text) }
    }
}
