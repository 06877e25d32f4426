import Tensors
import Testing
import Text

@testable import Networks

/// A network of linear layers with a residual stream: x -> a = Ax -> b = Ba, s = x + b, y = Cs.
private struct SmallNetwork {
    static let width = 5
    let network: Network
    let input = NodeID(0)
    let a = NodeID(1)
    let b = NodeID(2)
    let sum = NodeID(3)
    let output = NodeID(4)

    init() {
        let random = OperationCheck.random
        let width = Self.width
        func node(_ site: String, _ operation: some Operation, _ inputs: [Int], _ parameters: [Int] = []) -> Node {
            Node(
                site: site, operation: operation, inputs: inputs.map(NodeID.init), parameters: parameters.map(ParameterID.init), fusion: nil
            )
        }
        network = Network(
            nodes: [
                node("input", InputOperation(), []), node("a", Linear(), [0], [0]), node("b.hook_post", Linear(), [1], [1]),
                node("sum", Sum(), [0, 2]), node("output", Linear(), [3], [2]),
            ],
            parameters: ["A", "B", "C"].map { Parameter(name: $0, shape: [width, width]) },
            values: ParameterValues((0..<3).map { random([width, width], UInt64($0 + 1), 0.5) }), input: .values(shape: [width]),
            output: NodeID(4), outputWidth: width, unusedTensors: [])
    }

    func batch(_ samples: Int = 3) -> Batch { .values(OperationCheck.random([samples, Self.width], seed: 9)) }

    func run(_ request: RunRequest, _ batch: Batch, _ interventions: [Intervention] = [], base: RecordedRun? = nil) throws -> RecordedRun {
        try Executor(network, batch: batch.shape, request: request, team: Team(size: 1)).run(
            batch, interventions: interventions, base: base)
    }

    /// The product of a matrix with each row of x, in Double.
    func apply(_ parameter: Int, _ x: [[Double]]) -> [[Double]] {
        let weight = network.values[ParameterID(parameter)].elements.map(Double.init)
        return x.map { row in
            (0..<Self.width).map { out in (0..<Self.width).reduce(0) { $0 + weight[out * Self.width + $1] * row[$1] } }
        }
    }

    func rows(_ tensor: Tensor) -> [[Double]] {
        let elements = tensor.elements.map(Double.init)
        return stride(from: 0, to: elements.count, by: Self.width).map { Array(elements[$0..<$0 + Self.width]) }
    }
}

private func expectClose(_ found: [[Double]], _ expected: [[Double]], _ location: SourceLocation = #_sourceLocation) {
    let worst = zip(found.joined(), expected.joined()).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(found.count == expected.count && worst < 1e-5, "off by \(worst)", sourceLocation: location)
}

struct ExecutorTests {
    @Test func a_run_computes_what_its_operations_say() throws {
        let small = SmallNetwork()
        let batch = small.batch()
        guard case .values(let x) = batch else { return }
        let found = try #require(try small.run(RunRequest(recorded: [small.output]), batch)[small.output])
        let given = small.rows(x)
        let b = small.apply(1, small.apply(0, given))
        expectClose(small.rows(found), small.apply(2, zip(given, b).map { zip($0, $1).map(+) }))
    }

    @Test func recording_changes_no_value() throws {
        let small = SmallNetwork()
        let batch = small.batch()
        let one = try small.run(RunRequest(recorded: [small.output]), batch)[small.output]?.elements
        let all = try small.run(RunRequest(recorded: [small.input, small.a, small.b, small.sum, small.output]), batch)
        #expect(all[small.output]?.elements == one)
    }

    @Test func an_executor_runs_again_and_again() throws {
        let small = SmallNetwork()
        let executor = try Executor(
            small.network, batch: small.batch().shape, request: RunRequest(recorded: [small.output]), team: Team(size: 1))
        let first = executor.run(small.batch())[small.output]?.elements
        guard case .values(let x) = small.batch() else { return }
        _ = executor.run(.values(MutableTensor.zeros(x.shape)))
        #expect(executor.run(small.batch())[small.output]?.elements == first)
    }

    @Test func a_run_from_a_recorded_one_computes_what_lies_downstream_alone() throws {
        let small = SmallNetwork()
        let batch = small.batch()
        let frontier = small.network.frontier(intervened: [small.b])
        #expect(frontier == [small.input, small.b])
        let base = try small.run(RunRequest(recorded: frontier.union([small.output])), batch)
        let change = Intervention(node: small.b, neurons: [1, 3], replacement: .constants([9, 8, 7, 6, 5]))
        var request = RunRequest(recorded: [small.output])
        request.intervened = [small.b]
        let full = try small.run(request, batch, [change])
        request.base = frontier
        let executor = try Executor(small.network, batch: batch.shape, request: request, team: Team(size: 1))
        #expect(executor.plan.steps.map(\.node) == [small.b, small.sum, small.output])
        #expect(executor.plan.steps[0].copiesBase)
        let partial = executor.run(batch, interventions: [change], base: base)
        #expect(partial[small.output]?.elements == full[small.output]?.elements)
        #expect(partial.changes == full.changes)
        // The base is as it was.
        let fresh = try small.run(RunRequest(recorded: frontier), batch)
        #expect(base[small.b]?.elements == fresh[small.b]?.elements)
    }

    @Test func an_intervention_puts_its_values_where_it_says() throws {
        let small = SmallNetwork()
        let batch = small.batch(2)
        var request = RunRequest(recorded: [small.a])
        request.intervened = [small.a]
        let intact = try #require(try small.run(RunRequest(recorded: [small.a]), batch)[small.a]).elements
        let run = try small.run(request, batch, [Intervention(node: small.a, neurons: [0, 4], replacement: .zero)])
        let changed = try #require(run[small.a]).elements
        for place in 0..<10 { #expect(changed[place] == (place % 5 == 0 || place % 5 == 4 ? 0 : intact[place])) }
        let touched = [0, 4, 5, 9].map { Double(intact[$0]) }
        #expect(run.changes[0].elements == 4 && run.changes[0].changed == 4)
        #expect(abs(run.changes[0].absoluteChange - touched.reduce(0) { $0 + abs($1) }) < 1e-12)
        #expect(abs(run.changes[0].squaredChange - touched.reduce(0) { $0 + $1 * $1 }) < 1e-12)
        let same = try #require(try small.run(RunRequest(recorded: [small.a]), batch)[small.a])
        let idle = try small.run(request, batch, [Intervention(node: small.a, replacement: .values(same))])
        #expect(idle.changes[0].changed == 0 && idle.changes[0].elements == 10)
    }

    @Test func a_changed_parameter_runs_its_readers_and_what_follows() throws {
        let small = SmallNetwork()
        let batch = small.batch()
        let frontier = small.network.frontier(parameters: [ParameterID(1)])
        #expect(frontier == [small.a, small.input])
        let base = try small.run(RunRequest(recorded: frontier), batch)
        var request = RunRequest(recorded: [small.output])
        request.base = frontier
        request.changedParameters = [ParameterID(1)]
        let executor = try Executor(small.network, batch: batch.shape, request: request, team: Team(size: 1))
        #expect(executor.plan.steps.map(\.node) == [small.b, small.sum, small.output])
        var values = small.network.values
        values[ParameterID(1)] = MutableTensor.zeros([5, 5])
        guard case .values(let x) = batch else { return }
        let found = try #require(executor.run(batch, parameters: values, base: base)[small.output])
        expectClose(small.rows(found), small.apply(2, small.rows(x)))
    }

    @Test func memory_is_used_again() throws {
        let small = SmallNetwork()
        // a and b are dead when the sum is made: x, a, b at once, then x, b, sum in b's or x's place, then the output.
        let elements = try Executor.memory(small.network, batch: .values([16, 5]), request: RunRequest(recorded: [small.output])) / 4
        #expect(elements <= 3 * 80)
        let all = Set((0..<5).map(NodeID.init))
        #expect(try Executor.memory(small.network, batch: .values([16, 5]), request: RunRequest(recorded: all)) / 4 == 5 * 80)
    }

    @Test func sites_are_found_with_and_without_hook() {
        let small = SmallNetwork()
        #expect(small.network["b.hook_post"] == small.b)
        #expect(small.network["b.post"] == small.b)
        #expect(small.network["nothing"] == nil)
    }

    @Test func samples_of_another_shape_are_refused() {
        let small = SmallNetwork()
        #expect(throws: Problem.self) { try small.network.shapes(for: .values([1, 4])) }
        #expect(throws: Problem.self) { try small.network.shapes(for: .tokens(samples: 1, length: 5)) }
        #expect(throws: Problem.self) { try small.network.sampleShape(for: [2, 3]) }
    }
}

struct GradientsTests {
    /// sum(output * weights) as a function of the parameters and an intervention.
    private func objective(_ small: SmallNetwork, _ values: ParameterValues, _ weights: Tensor, _ interventions: [Intervention]) throws
        -> Double
    {
        var request = RunRequest(recorded: [small.output])
        request.intervened = Set(interventions.map(\.node))
        let executor = try Executor(small.network, batch: small.batch().shape, request: request, team: Team(size: 1))
        let output = try #require(executor.run(small.batch(), parameters: values, interventions: interventions)[small.output])
        return zip(output.elements, weights.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    @Test(arguments: [false, true]) func gradients_are_differences(intervenes: Bool) throws {
        let small = SmallNetwork()
        let weights = OperationCheck.random([3, 5], seed: 4)
        let interventions = intervenes ? [Intervention(node: small.a, neurons: [2], replacement: .zero)] : []
        var request = RunRequest(recorded: [small.output])
        request.intervened = Set(interventions.map(\.node))
        request.gradients = GradientRequest(parameters: Set((0..<3).map(ParameterID.init)), nodes: [small.b, small.a])
        let executor = try Executor(small.network, batch: small.batch().shape, request: request, team: Team(size: 1))
        let gradients = Gradients(executor, seeds: [small.output])
        for _ in 0..<2 {
            // The second pass gives the same after clearing.
            gradients.clearParameters()
            _ = executor.run(small.batch(), interventions: interventions)
            gradients.backward([small.output: weights])
        }
        for parameter in (0..<3).map(ParameterID.init) {
            let found = try #require(gradients[parameter]).elements
            for place in 0..<25 {
                func shifted(_ step: Float) throws -> Double {
                    var values = small.network.values
                    let copy = values[parameter].copied()
                    copy.withMutableElements { $0[place] += step }
                    values[parameter] = copy
                    return try objective(small, values, weights, interventions)
                }
                let difference = (try shifted(0.01) - shifted(-0.01)) / 0.02
                #expect(abs(difference - Double(found[place])) < 2e-3, "parameter \(parameter.index)[\(place)]")
            }
        }
        // d/db of sum(weights * C (x + b)) = weights C; where a neuron of a was replaced, nothing upstream of it matters.
        let b = try #require(gradients[small.b])
        let c = small.network.values[ParameterID(2)].elements
        for row in 0..<3 {
            for column in 0..<5 {
                let expected = (0..<5).reduce(0.0) { $0 + Double(weights.elements[row * 5 + $1]) * Double(c[$1 * 5 + column]) }
                #expect(abs(Double(b.elements[row * 5 + column]) - expected) < 1e-5)
            }
        }
        if intervenes { #expect(try #require(gradients[ParameterID(0)]).elements[10..<15].allSatisfy { $0 == 0 }) }
    }

    /// The way back through a = A x, by the gradient of a itself or by that of b = B a.
    @Test(arguments: [false, true]) func a_detour_takes_the_place_of_a_rule(readsItself: Bool) throws {
        let small = SmallNetwork()
        let weights = OperationCheck.random([3, 5], seed: 4)
        func gradient(_ request: GradientRequest) throws -> (input: [Float], a: Tensor?, calls: [NodeID]) {
            var run = RunRequest(recorded: [small.output])
            run.gradients = request
            let executor = try Executor(small.network, batch: small.batch().shape, request: run, team: Team(size: 1))
            let gradients = Gradients(executor, seeds: [small.output])
            _ = executor.run(small.batch())
            var calls: [NodeID] = []
            gradients.backward([small.output: weights]) { node, inputs in
                calls.append(node)
                guard let target = inputs[0], let read = gradients[readsItself ? small.a : small.b] else { return }
                func times(_ parameter: Int, _ x: Tensor, _ result: MutableTensor) {
                    Product.multiply(
                        .init(x), .init(small.network.values[ParameterID(parameter)]), rows: 3, inner: 5, columns: 5, into: .init(result),
                        .add,
                        team: Team(size: 1))
                }
                guard !readsItself else { return times(0, read, target) }
                let a = MutableTensor.zeros([3, 5])
                times(1, read, a)
                times(0, a, target)
            }
            return (try #require(gradients[small.input]).elements, gradients[small.a], calls)
        }
        let plain = try gradient(GradientRequest(nodes: [small.input]))
        let detour = try gradient(GradientRequest(nodes: [small.input], detours: [small.a: [readsItself ? small.a : small.b]]))
        #expect(plain.calls.isEmpty && detour.calls == [small.a])
        #expect((detour.a != nil) == readsItself)
        for (a, b) in zip(plain.input, detour.input) { #expect(abs(a - b) < 1e-5) }
    }

    @Test func passes_add_to_the_gradients_of_parameters() throws {
        let small = SmallNetwork()
        let weights = OperationCheck.random([3, 5], seed: 4)
        var request = RunRequest(recorded: [small.output])
        request.gradients = GradientRequest(parameters: [ParameterID(2)])
        let executor = try Executor(small.network, batch: small.batch().shape, request: request, team: Team(size: 1))
        let gradients = Gradients(executor, seeds: [small.output])
        _ = executor.run(small.batch())
        gradients.backward([small.output: weights])
        let once = try #require(gradients[ParameterID(2)]).elements
        gradients.backward([small.output: weights])
        let twice = try #require(gradients[ParameterID(2)]).elements
        for (a, b) in zip(once, twice) { #expect(abs(2 * a - b) <= 1e-5 * max(1, abs(b))) }
    }
}
