import Testing
import Training

struct ScheduleTests {
    @Test func rates_rise_and_fall_as_pytorchs_schedulers_say() {
        // SequentialLR of LinearLR(start_factor=1/4, total_iters=3) and LinearLR(1, 0) or CosineAnnealingLR(T_max=4), lr 0.8.
        let linear = LearningRate(0.8, decay: .linear, warmup: 4, total: 8)
        #expect((0..<8).map { linear[$0] } == [0.2, 0.4, 0.8 * 3 / 4, 0.8, 0.8, 0.8 * 0.75, 0.4, 0.2])
        let cosine = LearningRate(0.8, decay: .cosine, warmup: 4, total: 8)
        for (step, rate) in [0.8, 0.682842712474619, 0.4, 0.11715728752538099].enumerated() {
            #expect(abs(cosine[4 + step] - rate) < 1e-15)
        }
        let constant = LearningRate(0.8, total: 3)
        #expect((0..<5).map { constant[$0] } == [0.8, 0.8, 0.8, 0.8, 0.8])
    }

    @Test func every_epoch_takes_each_sample_once_in_an_order_of_its_own() {
        let order = BatchOrder(count: 10, batchSize: 4, accumulation: 2, arrangement: .shuffled(seed: 3))
        #expect(order.stepsPerEpoch == 2)
        #expect((0..<5).map(order.epoch) == [0, 0, 1, 1, 2])
        let epochs = (0..<3).map(order.samples)
        #expect(epochs.allSatisfy { $0.sorted() == Array(0..<10) } && epochs[0] != epochs[1] && epochs[1] != epochs[2])
        #expect(order.samples(ofEpoch: 1) == epochs[1])
        #expect(BatchOrder(count: 10, batchSize: nil, arrangement: .shuffled(seed: 3)).samples(ofEpoch: 4) == Array(0..<10))
    }

    @Test func a_last_batch_that_is_too_small_is_left_out() {
        // 33 samples: two batches of 16, and one sample that is another one in each epoch.
        let order = BatchOrder(count: 33, batchSize: 16, smallestBatch: 2, arrangement: .shuffled(seed: 3))
        #expect(order.stepsPerEpoch == 2 && order.leftOut == 1 && order.batchCount(beforeStep: 5) == 5)
        #expect((0..<6).map(order.epoch) == [0, 0, 1, 1, 2, 2])
        // A step whose only batch this was disappears; a step with other batches keeps them.
        for (accumulation, steps) in [(2, 1), (3, 1), (1, 2), (Int.max, 1)] {
            let order = BatchOrder(count: 33, batchSize: 16, smallestBatch: 2, accumulation: accumulation, arrangement: .stored)
            #expect(order.stepsPerEpoch == steps, "\(accumulation)")
        }
        // Whatever is large enough is kept.
        for (count, size) in [(34, 16), (32, 16), (2, 16)] {
            #expect(BatchOrder(count: count, batchSize: size, smallestBatch: 2, arrangement: .stored).leftOut == 0, "\(count)")
        }
        #expect(BatchOrder(count: 33, batchSize: 16, arrangement: .stored).stepsPerEpoch == 3)
    }
}
