import Evaluation
import Interventions
import Networks
import TestSupport
import Testing

@testable import Circuits

/// Circuits run alone, and how they are chosen.
@Suite struct CircuitFaithfulnessTests {
    @Test(arguments: EdgeFixture.models) func circuits_alone_give_what_pytorch_gives(model: String) throws {
        let fixture = try EdgeFixture(model)
        for (name, wanted) in fixture.expected.circuits {
            let ablation = try #require(EdgeAblation(rawValue: name))
            let faithfulness = try CircuitFaithfulness(try fixture.experiment(.logitDifference, ablation))
            let circuits = [2, 3].map { step in (0..<fixture.graph.edgeCount).map { $0 % step == 0 } }
            let found = try faithfulness.measure(circuits)
            for (measures, wanted) in zip(found, wanted) {
                #expect(abs(measures.metric - wanted[0]) < 1e-4 * max(1, abs(wanted[0])), "\(model), \(name): \(measures) for \(wanted)")
                #expect(
                    abs(measures.divergence - wanted[1]) < 1e-4 * max(1, abs(wanted[1])), "\(model), \(name): \(measures) for \(wanted)")
            }
            let ends = try faithfulness.measure([fixture.graph.whole, fixture.graph.empty])
            #expect(abs(ends[0].metric - faithfulness.whole.metric) < 1e-4)
            #expect(ends[0].divergence < 1e-6)
            #expect(ends[1].metric == faithfulness.none.metric)
        }
    }

    @Test func no_edges_is_the_corrupted_run() throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let forth = try CircuitFaithfulness(try fixture.experiment(.loss))
        let swapped = BehaviourPairs(
            name: "swapped", clean: fixture.pairs.corrupted, corrupted: fixture.pairs.clean, answers: fixture.pairs.answers,
            wrongAnswers: fixture.pairs.wrongAnswers)
        let back = try CircuitFaithfulness(
            EdgeExperiment(fixture.graph, PairBatches(swapped, for: fixture.graph.network), metric: .loss, ablation: .corrupted, threads: 2)
        )
        #expect(abs(forth.none.metric - back.whole.metric) < 1e-5)
        #expect(forth.whole.divergence == 0)
        #expect(forth.scale.moves)
    }

    @Test func edges_that_lead_nowhere_are_dropped() throws {
        let graph = try EdgeFixture("transformers/llama").graph
        func edges(_ names: String...) -> EdgeSet {
            var set = graph.empty
            for edge in 0..<graph.edgeCount where names.contains(graph.name(of: edge)) { set[edge] = true }
            return set
        }
        let way = edges("input->a0.kv0<v>", "a0.h1->m1", "m1->logits")
        #expect(graph.connected(way) == way)
        // Nothing reads a1.h0; nothing feeds m0.
        let more = edges("input->a0.kv0<v>", "a0.h1->m1", "m1->logits", "input->a1.h0<q>", "m0->logits")
        #expect(more.count { $0 } == 5)
        #expect(graph.connected(more) == way)
        // What a key head reads is written by both of its heads, what a query reads by its own alone.
        let query = edges("input->a0.h0<q>", "a0.h1->logits")
        #expect(!graph.connected(query).contains(true))
        #expect(graph.connected(graph.whole) == graph.whole)
        // With zeros in place of sources m0 gives what its biases make.
        #expect(graph.connected(more, .zero) == edges("input->a0.kv0<v>", "a0.h1->m1", "m1->logits", "m0->logits"))
    }

    /// gpt2 has biases everywhere: every third edge is kept, whole parts of it come from nodes that nothing leads to.
    @Test(arguments: EdgeAblation.allCases) func dropping_edges_that_lead_nowhere_changes_nothing(ablation: EdgeAblation) throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let faithfulness = try CircuitFaithfulness(fixture.experiment(.divergence, ablation))
        for step in [3, 7, 20] {
            var kept = fixture.graph.empty
            for edge in stride(from: fixture.graph.edgeCount - 1, through: 0, by: -step) { kept[edge] = true }
            let connected = fixture.graph.connected(kept, ablation)
            #expect(connected.count { $0 } < kept.count { $0 })
            let measures = try faithfulness.measure([kept, connected])
            #expect(abs(measures[0].metric - measures[1].metric) < 1e-6)
        }
    }

    @Test func the_greedy_order_begins_at_the_output_and_stays_connected_to_it() throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let graph = fixture.graph
        let scores = fixture.expected.exact["logit-diff corrupted"]!
        let order = graph.order(scores, by: .greedy)
        #expect(order.sorted() == Array(0..<graph.edgeCount))
        var reached: Set<Int> = []
        for (place, edge) in order.enumerated() {
            let ends = graph.ends(of: edge)
            let reader = graph.readers[ends.reader]
            #expect(reader.writes.isEmpty || reader.writes.contains(where: reached.contains), "\(place): \(graph.name(of: edge))")
            // No edge that was open and larger was left out.
            let open = (0..<graph.edgeCount).filter { other in
                let writes = graph.readers[graph.ends(of: other).reader].writes
                return !order[..<place].contains(other) && (writes.isEmpty || writes.contains(where: reached.contains))
            }
            #expect(open.allSatisfy { abs(scores[$0]) <= abs(scores[edge]) })
            reached.insert(ends.source)
        }
        let top = graph.order(scores, by: .top).map { abs(scores[$0]) }
        #expect(top == scores.map(abs).sorted(by: >))
    }

    @Test func the_ladder_ends_at_the_whole_model_and_the_target_is_reached() throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let faithfulness = try CircuitFaithfulness(try fixture.experiment(.logitDifference))
        let order = fixture.graph.order(fixture.expected.exact["logit-diff corrupted"]!, by: .top)
        let ladder = try FaithfulnessLadder(faithfulness, order: order)
        #expect(ladder.steps.map(\.chosen) == [1, 2, 3, 6, 11, 22, 55, 110])
        let last = try #require(ladder.steps.last?.faithfulness)
        #expect(abs(last - 1) < 1e-5)
        // The trapezoids by hand.
        var area = 0.0
        var (x, y) = (0.0, 0.0)
        for step in ladder.steps {
            let (nextX, nextY) = (Double(step.chosen) / 110, try #require(step.faithfulness))
            area += (nextX - x) * (y + nextY) / 2
            (x, y) = (nextX, nextY)
        }
        #expect(ladder.area(edges: 110) == area)
        let size = try #require(try ladder.smallest(0.9, faithfulness, order: order))
        let measures = try faithfulness.measure([fixture.graph.circuit(order.prefix(size))])
        #expect(try #require(faithfulness.faithfulness(measures[0])) >= 0.9)
        #expect(try ladder.smallest(1000, faithfulness, order: order) == nil)
    }

    @Test func random_circuits_stand_beside_every_size() throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let faithfulness = try CircuitFaithfulness(try fixture.experiment(.logitDifference))
        let order = fixture.graph.order(fixture.expected.exact["logit-diff corrupted"]!, by: .top)
        let ladder = try FaithfulnessLadder(faithfulness, order: order)
        var done = 0.0
        func random(_ seed: UInt64, _ edges: Int, _ observed: Double?) throws -> RandomCircuits {
            try RandomCircuits(faithfulness, edges: edges, observed: observed, ladder: ladder, count: 6, seed: seed) { done += $0 }
        }
        let found = try random(1, 110, 1)
        #expect(abs(done - 1) < 1e-9)
        #expect(found.steps.count == ladder.steps.count && found.steps.allSatisfy { $0.samples == 6 })
        // All edges are all edges, in whatever order they come.
        for whole in [found.circuit, found.steps[found.steps.count - 1]] {
            #expect(abs(try #require(whole.mean) - 1) < 1e-5)
            #expect(abs(try #require(whole.standardDeviation)) < 1e-5)
        }
        // Without edges it is the ablated run.
        #expect(try random(1, 0, 0.5).circuit == RandomCircuits.comparison(0.5, [0, 0, 0, 0, 0, 0]))
        // Half the edges in another order are another circuit.
        #expect(try random(1, 55, 1).circuit == random(1, 55, 1).circuit)
        #expect(try random(1, 55, 1).circuit.mean != random(2, 55, 1).circuit.mean)
    }

    @Test func random_circuits_are_averaged_and_counted() {
        // By hand: mean 0.25, squared distances 0.0625 + 0 + 0.0625; two of three are at least 0.25.
        let found = RandomCircuits.comparison(0.25, [0, 0.25, 0.5])
        #expect(found.mean == 0.25 && found.standardDeviation == 0.25 && found.p == 0.75)
        let one = RandomCircuits.comparison(0.5, [0.25])
        #expect(one.mean == 0.25 && one.standardDeviation == nil && one.p == 0.5)
        let unmoved = RandomCircuits.comparison(nil, [nil, nil])
        #expect(unmoved.samples == 2 && unmoved.mean == nil && unmoved.p == nil)
    }

    @Test func a_metric_that_does_not_move_has_no_faithfulness() throws {
        let fixture = try EdgeFixture("transformers/gpt2")
        let same = BehaviourPairs(
            name: "same", clean: fixture.pairs.clean, corrupted: fixture.pairs.clean, answers: fixture.pairs.answers,
            wrongAnswers: fixture.pairs.wrongAnswers)
        let faithfulness = try CircuitFaithfulness(
            EdgeExperiment(fixture.graph, PairBatches(same, for: fixture.graph.network), metric: .loss, ablation: .corrupted, threads: 1))
        #expect(!faithfulness.scale.moves)
        #expect(faithfulness.faithfulness(faithfulness.whole) == nil)
        let ladder = try FaithfulnessLadder(faithfulness, order: Array(0..<fixture.graph.edgeCount))
        #expect(ladder.area(edges: fixture.graph.edgeCount) == nil)
    }

    @Test func resampled_pairs_count_as_often_as_they_are_drawn() {
        var drawn: [[Int]] = []
        let bootstrap = CircuitBootstrap(of: [true, true, false, false], pairs: 5, resamples: 4, seed: 3) { pairs in
            drawn.append(pairs)
            return drawn.count % 2 == 0 ? [true, true, false, false] : [true, false, true, false]
        }
        #expect(bootstrap.counts == [4, 2, 2, 0])
        let wanted: Double = 2.0 / 3
        #expect(abs(bootstrap.meanOverlap - wanted) < 1e-12)
        #expect(drawn.allSatisfy { $0.count == 5 && $0.allSatisfy { (0..<5).contains($0) } })
        #expect(Set(drawn).count > 1)
    }
}
