import Tensors

/// The backward pass of an executor whose request includes gradients, in separate memory.
package final class Gradients {
    private let executor: Executor
    private let wanted: GradientRequest
    private let seeds: [NodeID]
    private let arena: MutableTensor
    /// The nodes whose gradients are computed.
    private let nodeGradients: [NodeID: MutableTensor]
    /// Steps in the order of the pass, with the gradients that begin there.
    private let passes: [Pass]
    private let parameterGradients: [ParameterID: MutableTensor]
    /// Those that no step adds to.
    private let untouched: [MutableTensor]

    /// The way back through one step.
    private struct Pass {
        let step: Int
        let scratch: MutableTensor
        /// Whether each input's gradient begins here.
        let inputTargets: [Product.Target]
        /// Whether each parameter's gradient is touched here first.
        let parameterTargets: [Product.Target]
    }

    /// - Parameters:
    ///   - seeds: the nodes at which the pass begins, recorded by the request.
    ///   - memory: where the gradients of parameters are added; memory is allocated for those that it leaves out.
    package init(_ executor: Executor, seeds: [NodeID], memory: [ParameterID: MutableTensor] = [:]) {
        guard let wanted = executor.request.gradients else { preconditionFailure("the executor's request asks for no gradients") }
        self.executor = executor
        self.wanted = wanted
        self.seeds = seeds
        let steps = executor.plan.steps
        let shapes = executor.plan.shapes

        // A node carries a gradient if a requested gradient is upstream of it and a seed is downstream.
        var leadsToWanted: Set<NodeID> = []
        let observed = wanted.observed
        for step in steps {
            if observed.contains(step.node) || step.parameters.contains(where: wanted.parameters.contains)
                || step.inputs.contains(where: leadsToWanted.contains)
            {
                leadsToWanted.insert(step.node)
            }
        }
        var carries = Set(seeds.filter(leadsToWanted.contains))
        for step in steps.reversed() {
            if let read = wanted.detours[step.node], !read.isDisjoint(with: carries) { carries.insert(step.node) }
            guard carries.contains(step.node) else { continue }
            for input in step.inputs where leadsToWanted.contains(input) && !wanted.leavesOut(input) { carries.insert(input) }
        }
        // Where a gradient that is read at a detour has been read for the last time.
        var held: [NodeID: NodeID] = [:]
        for step in steps where carries.contains(step.node) {
            for node in wanted.detours[step.node] ?? [] where held[node] == nil { held[node] = step.node }
        }

        var planner = ArenaPlanner()
        var places: [NodeID: Int] = [:]
        for seed in seeds where carries.contains(seed) { places[seed] = planner.allocate(shapes[seed.index].reduce(1, *)) }
        var passes: [(step: Int, inputs: [Product.Target], parameters: [Product.Target], scratch: (Int, Int))] = []
        var touched: Set<ParameterID> = []
        for (index, step) in steps.enumerated().reversed() where carries.contains(step.node) {
            let inputs = step.inputs.map { input -> Product.Target in
                guard carries.contains(input), !wanted.leavesOut(input), places[input] == nil else { return .add }
                places[input] = planner.allocate(shapes[input.index].reduce(1, *))
                return .overwrite
            }
            let parameters = step.parameters.map { parameter -> Product.Target in
                wanted.parameters.contains(parameter) && touched.insert(parameter).inserted ? .overwrite : .add
            }
            let needed = step.operation.backwardScratch(
                inputs: step.inputs.map { shapes[$0.index] }, output: step.shape, team: executor.team.size)
            let scratch = planner.allocate(needed)
            planner.release(scratch, needed)
            passes.append((index, inputs, parameters, (scratch, needed)))
            let ended = [step.node].filter { held[$0] == nil } + held.filter { $0.value == step.node }.keys.sorted()
            for node in ended where !wanted.nodes.contains(node) {
                if let place = places[node] { planner.release(place, shapes[node.index].reduce(1, *)) }
            }
        }
        let arena = MutableTensor(uninitialized: [planner.size])
        self.arena = arena
        nodeGradients = places.reduce(into: [:]) { result, entry in
            result[entry.key] = arena.view(at: entry.value, shape: shapes[entry.key.index])
        }
        self.passes = passes.map {
            Pass(
                step: $0.step, scratch: arena.view(at: $0.scratch.0, shape: [$0.scratch.1]), inputTargets: $0.inputs,
                parameterTargets: $0.parameters)
        }
        let parameterGradients: [ParameterID: MutableTensor] = wanted.parameters.reduce(into: [:]) { result, parameter in
            let shape = executor.network.parameters[parameter.index].shape
            result[parameter] = memory[parameter]?.reshaped(shape) ?? MutableTensor.zeros(shape)
        }
        self.parameterGradients = parameterGradients
        untouched = wanted.parameters.subtracting(touched).compactMap { parameterGradients[$0] }
    }

    /// The memory of the gradient at a seed's output: a caller that writes it here and passes it to ``backward(_:into:)`` saves the copy. Nil if
    /// no requested gradient is upstream.
    package func memory(ofSeed seed: NodeID) -> MutableTensor? { seeds.contains(seed) ? nodeGradients[seed] : nil }

    /// Sets the parameters' gradients to zero; otherwise each pass adds to them.
    package func clearParameters() {
        for gradient in parameterGradients.values { gradient.fill(0) }
    }

    /// Goes back through the executor's last run.
    ///
    /// - Parameters:
    ///   - seeds: the gradient at each seed's output, in its shape.
    ///   - target: whether the parameters' gradients are added to those of the passes before, or replace them.
    ///   - detour: called at each of the request's detours, after the nodes downstream, with the gradients of the node's inputs to add to; nil for
    ///     those that are not needed.
    package func backward(
        _ seeds: [NodeID: Tensor], into target: Product.Target = .add, detour: (NodeID, [MutableTensor?]) -> Void = { _, _ in }
    ) {
        guard let last = executor.lastRun else { preconditionFailure("no run to go back through") }
        let steps = executor.plan.steps
        for seed in self.seeds {
            guard let gradient = nodeGradients[seed] else { continue }
            if let given = seeds[seed] { gradient.copy(from: given) } else { gradient.fill(0) }
        }
        let tokens: TokenBatch? = if case .tokens(let tokens) = last.batch { tokens } else { nil }
        if target == .overwrite { for gradient in untouched { gradient.fill(0) } }
        for pass in passes {
            let step = steps[pass.step]
            let inputGradients = step.inputs.map { nodeGradients[$0] }
            let parameterGradients = step.parameters.map { self.parameterGradients[$0] }
            let parameterTargets = target == .add ? step.parameters.map { _ in .add } : pass.parameterTargets
            if !step.operation.overwritesGradients || wanted.detours[step.node] != nil {
                for (gradient, target) in zip(inputGradients + parameterGradients, pass.inputTargets + parameterTargets)
                where target == .overwrite {
                    gradient?.fill(0)
                }
            }
            if wanted.detours[step.node] != nil {
                detour(step.node, inputGradients)
                continue
            }
            guard var gradient = nodeGradients[step.node] else { continue }
            if step.operation is InputOperation { continue }
            if step.isIntervened {
                // Replaced values do not depend on anything upstream.
                gradient = gradient.copied()
                for intervention in last.interventions where intervention.node == step.node {
                    var mask = intervention
                    mask.replacement = .zero
                    _ = mask.apply(to: gradient, executor.network.neuronDimensions[step.node])
                }
            }
            step.operation.backward(
                BackwardPass(
                    inputs: step.inputs.map { executor.values[$0]! },
                    parameters: step.parameters.map { last.parameters.tensor($0, team: executor.team) },
                    output: executor.rawOutput(ofStep: pass.step), outputGradient: gradient,
                    inputGradients: inputGradients, parameterGradients: parameterGradients, inputTargets: pass.inputTargets,
                    parameterTargets: parameterTargets, scratch: pass.scratch, tokens: tokens, mode: executor.request.mode,
                    team: executor.team))
        }
    }

    /// The gradient with respect to a parameter, summed over the passes since the last clearing.
    package subscript(parameter: ParameterID) -> Tensor? { parameterGradients[parameter] }

    /// The gradient with respect to a node's output in the last pass, as the nodes downstream see it. What only a detour reads is valid there.
    package subscript(node: NodeID) -> Tensor? { isObserved(node) ? nodeGradients[node] : nil }

    private func isObserved(_ node: NodeID) -> Bool { wanted.nodes.contains(node) || wanted.detours.values.contains { $0.contains(node) } }
}
