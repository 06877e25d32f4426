import Checkpoints
import Datasets
import Evaluation
import Interventions
import Networks
import Synchronization
import Tensors
import TestSupport
import Testing
import Text

/// In which order and on how many threads samples run, which no result may show.
struct BatchOrderTests {
    @Test func everyBatchIsHandedOnOnceAndInOrder() throws {
        for threads in 1...5 {
            for count in 0...20 {
                for wave in [nil, threads] {
                    var seen: [Int] = []
                    try BatchLoop(count: count, threads: threads, wave: wave).run(
                        worker: { $0.size }, compute: { _, place in place },
                        consume: { place, result in
                            #expect(place == result)
                            seen.append(place)
                        })
                    #expect(seen == Array(0..<count), "\(count) on \(threads)")
                }
            }
        }
    }

    @Test(arguments: [
        (5, 2, [1, 1, 1, 1, 2]), (7, 6, [1, 1, 1, 1, 1, 1, 6]), (4, 2, [1, 1, 1, 1]), (1, 3, [3]), (17, 2, Array(repeating: 1, count: 17)),
    ])
    func theLastOfFewBatchesHaveAllThreads(count: Int, threads: Int, teams: [Int]) throws {
        let sizes = Mutex([Int](repeating: 0, count: count))
        try BatchLoop(count: count, threads: threads).run(
            worker: { $0.size }, compute: { size, place in sizes.withLock { $0[place] = size } }, consume: { _, _ in })
        #expect(sizes.withLock { $0 } == teams)
    }

    private func dataset(_ lengths: [Int]) -> Dataset {
        let tokens = lengths.enumerated().map { sample, length in (0..<length).map { Int32(sample + 3 * $0) % 7 } }
        return Dataset(name: "ids", inputs: .tokens(TokenSequences(tokens)), targets: .nextToken)
    }

    @Test func sequencesOfOneLengthRunTogether() {
        let ragged = dataset([3, 2, 3, 5, 2, 2])
        #expect(LengthOrder(ragged)?.samples == [1, 4, 5, 0, 2, 3])
        #expect(LengthOrder(ragged, window: 4)?.samples == [1, 0, 2, 3, 4, 5])
        #expect(LengthOrder(ragged, window: 1) == nil && LengthOrder(dataset([4, 4, 4])) == nil && LengthOrder(dataset([])) == nil)
    }

    @Test func whatComesInAnyOrderIsHandedOnInThatOfItsNumbers() {
        var values = Reordering<String>()
        values.add("c", number: 2)
        #expect(values.ready().isEmpty)
        values.add("a", number: 0)
        #expect(values.ready() == ["a"])
        values.add("b", number: 1)
        #expect(values.ready() == ["b", "c"] && values.ready().isEmpty)
    }

    @Test func sumsOverSequencesOfAllLengthsAreThoseOfEachAnswer() throws {
        let network = try LanguageModelFixture("gpt2-tiny").batches.network
        let batches = try SampleBatches(dataset([3, 2, 8, 5, 2, 8, 4, 1, 3]), for: network)
        var losses: [Double] = []
        var samples: [Int] = []
        let one = try Evaluator(batches, threads: 2).evaluate(answers: {
            losses += $0.losses
            samples += $0.samples
        })
        #expect(samples == samples.sorted() && samples.count == 27 && losses.count == 27)
        for threads in [1, 2, 3] {
            let whole = try Evaluator(batches, threads: threads).evaluate()
            #expect(whole.total.count == 27 && whole.total.correct == one.total.correct)
            #expect(abs(whole.total.loss - losses.reduce(0, +)) < 1e-4)
            #expect(try whole.total == Evaluator(batches, threads: 1).evaluate().total)
        }
    }
}
