import Evaluation
import Networks
import Testing
import Training

struct TrainingRunTests {
    @Test func a_run_clusters_evaluates_saves_and_ends_when_it_should() throws {
        let model = try ReferenceRun("mnist-mlp sgd 20")
        let trainer = try model.trainer(threads: 2)
        let term = trainer.term
        trainer.term = nil
        var plan = TrainingRun.Plan(steps: 10)
        plan.warmup = 3
        plan.evaluationInterval = 4
        plan.savingInterval = 5
        var run = TrainingRun(plan)
        var (evaluated, saved, measured): ([Int], [Int], [Int]) = ([], [], [])
        run.makeTerm = { try #require(term) }
        run.evaluate = {
            TrainingRun.Evaluation(outcome: try Evaluator(model.batches, threads: 1, parameters: trainer.parameters).evaluate())
        }
        run.observe = { report, evaluation in
            if evaluation != nil { evaluated.append(report.step) }
            if !report.clusterability.isEmpty { measured.append(report.step) }
        }
        run.save = { saved.append(trainer.step) }
        #expect(try run.run(trainer) == .complete)
        #expect(evaluated == [4, 8, 10] && saved == [5, 10] && measured == Array(4...10))
        #expect(trainer.bestStep != nil)
    }

    @Test func a_run_ends_at_the_clusterability_that_was_wanted() throws {
        let model = try ReferenceRun("mnist-mlp sgd 20")
        let trainer = try model.trainer(threads: 2)
        var plan = TrainingRun.Plan(steps: 100)
        plan.wantedClusterability = 0.9
        #expect(try TrainingRun(plan).run(trainer) == .reached)
        let found = try #require(trainer.meanClusterability())
        #expect(found >= 0.9 && found < 0.95 && trainer.step < 100)
    }

    @Test(arguments: [(0.0, 1.0, 12), (0.9, 0.1, 12), (0.0, 0.1, 4)]) func a_run_ends_when_all_that_was_wanted_is_there(
        clusterability: Double, accuracy: Double, last: Int
    ) throws {
        let model = try ReferenceRun("mnist-mlp sgd 20")
        let trainer = try model.trainer(threads: 2)
        var plan = TrainingRun.Plan(steps: 12)
        plan.evaluationInterval = 4
        (plan.wantedClusterability, plan.wantedAccuracy) = (clusterability, accuracy)
        var run = TrainingRun(plan)
        run.evaluate = {
            TrainingRun.Evaluation(outcome: try Evaluator(model.batches, threads: 1, parameters: trainer.parameters).evaluate())
        }
        let ending = try run.run(trainer)
        let found = try #require(run.evaluate?()?.outcome.accuracy)
        let mean = try #require(trainer.meanClusterability())
        let isThere = found >= accuracy && mean >= clusterability
        #expect(isThere ? ending == .reached : ending == .complete, "\(found) \(mean)")
        #expect(trainer.step == last)
    }

    @Test func who_asks_for_an_end_gets_a_saved_state() throws {
        let trainer = try ReferenceRun("grokking sgd 0").trainer(threads: 1)
        var run = TrainingRun(TrainingRun.Plan(steps: 10))
        var saved: [Int] = []
        run.save = { saved.append(trainer.step) }
        run.shouldStop = { trainer.step == 4 }
        #expect(try run.run(trainer) == .stopped)
        #expect(saved == [4])
    }

    @Test func the_best_weights_come_back() throws {
        let trainer = try ReferenceRun("cifar-cnn adam 0").trainer(threads: 1)
        _ = try trainer.makeStep()
        trainer.keepIfBest(loss: 1)
        let best = trainer.bits
        _ = try trainer.makeStep()
        trainer.keepIfBest(loss: 2)
        let last = trainer.bits
        #expect(last != best)
        trainer.exchangeBest()
        #expect(trainer.bits == best && trainer.bestStep?.step == 1)
        trainer.exchangeBest()
        #expect(trainer.bits == last)
    }
}
