import Tensors
import Testing
import Text

@testable import Networks

/// The choice of experts, layers that work where one is chosen, and their weighted sum.
struct ExpertOperationTests {
    private static let file = "experts.safetensors"
    private let random = OperationCheck.random

    @Test func theLargestScoresShareTheWeight() throws {
        // Shares 1 : 2 : 4 : 1 of 8; of equal scores the first is chosen.
        let scores = Tensor(shape: [1, 1, 4], [0, 0.693_147_2, 1.386_294_4, 0])
        func weights(_ count: Int, _ isNormalized: Bool) throws -> [Float] {
            try OperationCheck(operation: ExpertChoice(count: count, isNormalized: isNormalized), inputs: [scores]).forward().elements
        }
        func close(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 } }
        #expect(close(try weights(2, false), [0, 0.25, 0.5, 0]))
        #expect(close(try weights(2, true), [0, 1 / 3, 2 / 3, 0]))
        #expect(close(try weights(3, false), [0.125, 0.25, 0.5, 0]))
    }

    @Test func onlyChosenPositionsAreComputed() throws {
        // The second position does not choose the expert, and what it holds is not read.
        let check = OperationCheck(
            operation: RoutedLinear(expert: 1),
            inputs: [Tensor(shape: [1, 2, 2], [1, 2, .nan, .nan]), Tensor(shape: [1, 2, 2], [0, 0.5, 1, 0])],
            parameters: [Tensor(shape: [1, 2], [3, 4]), Tensor(shape: [1], [10])])
        #expect(try check.forward().elements == [21, 0])
        let sum = OperationCheck(
            operation: ExpertSum(),
            inputs: [
                Tensor(shape: [1, 2, 2], [0.5, 2, 0, 1]), Tensor(shape: [1, 2, 1], [4, .nan]), Tensor(shape: [1, 2, 1], [3, 5]),
            ])
        #expect(try sum.forward().elements == [8, 5])
    }

    @Test(arguments: [("choice", 2, false), ("choice_normalized", 3, true), ("choice_one", 1, true), ("choice_all", 4, false)])
    func choicesAreThoseOfPyTorch(name: String, count: Int, isNormalized: Bool) throws {
        try OperationCheck.expectMatchesPyTorch(
            ExpertChoice(count: count, isNormalized: isNormalized), file: Self.file, name, tolerance: 2e-6)
    }

    @Test func layersAndSumsAreThoseOfPyTorch() throws {
        try OperationCheck.expectMatchesPyTorch(RoutedLinear(expert: 1), file: Self.file, "routed", tolerance: 2e-6)
        try OperationCheck.expectMatchesPyTorch(RoutedLinear(expert: 0), file: Self.file, "routed_bias", tolerance: 2e-6)
        try OperationCheck.expectMatchesPyTorch(RoutedLinear(expert: 1), file: Self.file, "routed_nobody", tolerance: 2e-6)
        try OperationCheck.expectMatchesPyTorch(ExpertSum(), file: Self.file, "sum", tolerance: 2e-6)
    }

    @Test func contributionsAndTheirSumAreThoseOfPyTorch() throws {
        try OperationCheck.expectMatchesPyTorch(ExpertContributions(), file: Self.file, "contributions", tolerance: 2e-6)
        try OperationCheck.expectMatchesPyTorch(BlockSum(blocks: 3), file: Self.file, "blocks", tolerance: 2e-6)
        // What is not chosen is not read, and adds nothing.
        let contributions = OperationCheck(
            operation: ExpertContributions(),
            inputs: [
                Tensor(shape: [1, 2, 2], [0.5, 2, 0, 1]), Tensor(shape: [1, 2, 1], [4, .nan]), Tensor(shape: [1, 2, 1], [3, 5]),
            ])
        #expect(try contributions.forward().elements == [2, 6, 0, 5])
        #expect(
            try OperationCheck(operation: BlockSum(blocks: 2), inputs: [Tensor(shape: [1, 1, 4], [1, 2, 10, 20])]).forward().elements == [
                11, 22,
            ])
    }

    @Test func boundedFunctionsAreThoseOfGptOss() throws {
        let swish = Activation(.limitedSwish(slope: 1.702, limit: 0.7), name: "limited swish")
        let clamp = Activation(.shiftedClamp(limit: 0.7, shift: 1), name: "shifted clamp")
        try OperationCheck.expectMatchesPyTorch(swish, file: Self.file, "swish", tolerance: 1e-6)
        try OperationCheck.expectMatchesPyTorch(clamp, file: Self.file, "clamp", tolerance: 1e-6)
        #expect(
            try OperationCheck(operation: clamp, inputs: [Tensor(shape: [1, 3], [-9, 0.25, 9])]).forward().elements == [0.3, 1.25, 1.7])
        for operation in [swish, clamp] {
            try OperationCheck(operation: operation, inputs: [random([3, 40_000], 1, 1)]).expectThreadsAgree()
        }
        try OperationCheck(operation: swish, inputs: [Tensor(shape: [1, 4], [-1, 0.2, 0.5, 3])]).expectDifferencesAgree()
    }

    /// Weights of three experts at each position, of which two are chosen; no position chooses expert 2 alone.
    private var shares: Tensor {
        Tensor(shape: [2, 3, 3], [0.5, 0.5, 0, 0, 0.25, 0.75, 1, 0, 0, 0, 0.5, 0.5, 0.25, 0, 0.75, 0, 1, 0])
    }

    @Test(arguments: [Linear.Layout.outIn, .inOut]) func anExpertInOneStepIsTheSameAsInSeveral(layout: Linear.Layout) throws {
        let (inner, outer) = layout == .outIn ? ([6, 4], [5, 6]) : ([4, 6], [6, 5])
        let x: Tensor = random([2, 3, 4], 1, 1)
        let parameters: [Tensor] = [
            random(inner, 2, 1), random([6], 3, 1), random(inner, 4, 1), random([6], 5, 1), random(outer, 6, 1), random([5], 7, 1),
        ]
        let swish = Activation(.limitedSwish(slope: 1.702, limit: 0.7), name: "limited swish")
        let clamp = Activation(.shiftedClamp(limit: 0.7, shift: 1), name: "shifted clamp")
        for expert in 0..<3 {
            let routed = RoutedLinear(layout: layout, expert: expert)
            func step(_ operation: some Operation, _ inputs: [Tensor], _ parameters: [Tensor] = []) throws -> Tensor {
                try OperationCheck(operation: operation, inputs: inputs, parameters: parameters).forward()
            }
            let gate = try step(swish, [step(routed, [x, shares], Array(parameters[0..<2]))])
            let input = try step(clamp, [step(routed, [x, shares], Array(parameters[2..<4]))])
            let wanted = try step(routed, [step(GatedProduct(), [gate, input]), shares], Array(parameters[4..<6]))
            let whole = RoutedMLP(expert: expert, width: 6, layout: layout, activation: swish, factor: clamp, hasBias: true)
            let check = OperationCheck(operation: whole, inputs: [x, shares], parameters: parameters)
            let found = try check.forward()
            #expect(found.shape == wanted.shape && zip(found.elements, wanted.elements).allSatisfy { abs($0 - $1) < 1e-5 })
            let plain = RoutedMLP(expert: expert, width: 6, layout: layout, activation: Activation(.silu), factor: nil, hasBias: false)
            // Weights far from 0: a small step changes no choice.
            let chosen = Tensor(shape: [2, 3, 3], (0..<18).map { $0 % 2 == 0 ? 0.5 : -0.25 })
            try OperationCheck(operation: plain, inputs: [x, chosen], parameters: [parameters[0], parameters[2], parameters[4]])
                .expectDifferencesAgree()
        }
    }

    @Test func gradientsAreThoseOfDifferences() throws {
        // Scores so far apart that a step changes no choice.
        let scores = Tensor(shape: [1, 2, 4], [1, -1, 2, 0.3, -0.5, 1.2, 0.2, 2.4])
        for isNormalized in [false, true] {
            try OperationCheck(operation: ExpertChoice(count: 2, isNormalized: isNormalized), inputs: [scores]).expectDifferencesAgree()
        }
        let weights = Tensor(shape: [1, 2, 2], [0.5, 2, -1, 1])
        try OperationCheck(operation: ExpertSum(), inputs: [weights, random([1, 2, 3], 1, 1), random([1, 2, 3], 2, 1)])
            .expectDifferencesAgree()
        try OperationCheck(operation: ExpertContributions(), inputs: [weights, random([1, 2, 3], 1, 1), random([1, 2, 3], 2, 1)])
            .expectDifferencesAgree()
        try OperationCheck(operation: BlockSum(blocks: 2), inputs: [random([1, 2, 6], 1, 1)]).expectDifferencesAgree()
        try OperationCheck(
            operation: RoutedLinear(expert: 0), inputs: [random([1, 2, 3], 1, 1), weights], parameters: [random([4, 3], 2, 1)]
        ).expectDifferencesAgree()
    }

    @Test func bitsDoNotDependOnTheNumberOfThreads() throws {
        let choice = ExpertChoice(count: 2, isNormalized: true)
        let weights = try OperationCheck(operation: choice, inputs: [random([3, 70, 5], 1, 1)]).forward()
        try OperationCheck(operation: choice, inputs: [random([3, 700, 90], 1, 1)]).expectThreadsAgree()
        try OperationCheck(
            operation: RoutedLinear(expert: 3), inputs: [random([3, 70, 33], 2, 1), weights], parameters: [random([65, 33], 3, 1)]
        ).expectThreadsAgree()
        let outputs = (0..<5).map { random([3, 70, 130], UInt64($0) + 4, 1) as Tensor }
        try OperationCheck(operation: ExpertSum(), inputs: [weights] + outputs).expectThreadsAgree()
        try OperationCheck(operation: ExpertContributions(), inputs: [weights] + outputs).expectThreadsAgree()
        try OperationCheck(operation: BlockSum(blocks: 5), inputs: [random([3, 70, 650], 9, 1)]).expectThreadsAgree()
    }

    @Test func whatDoesNotFitIsRefused() {
        func shape(_ operation: any Operation, _ inputs: [[Int]], _ parameters: [[Int]] = []) throws -> [Int] {
            try operation.outputShape(inputs: inputs, parameters: parameters, batch: .values(inputs[0]))
        }
        for count in [0, -1, 5] {
            #expect(throws: Problem.self) { try shape(ExpertChoice(count: count, isNormalized: true), [[1, 2, 4]]) }
        }
        #expect(throws: Problem.self) { try shape(RoutedLinear(expert: 4), [[1, 2, 3], [1, 2, 4]], [[5, 3]]) }
        #expect(throws: Problem.self) { try shape(RoutedLinear(expert: 0), [[1, 2, 3], [1, 3, 4]], [[5, 3]]) }
        #expect(throws: Problem.self) { try shape(ExpertSum(), [[1, 2, 2], [1, 2, 3]]) }
        #expect(throws: Problem.self) { try shape(ExpertSum(), [[1, 2, 1], [1, 3, 3]]) }
        #expect(throws: Problem.self) { try shape(ExpertContributions(), [[1, 2, 2], [1, 2, 3]]) }
        #expect(throws: Problem.self) { try shape(BlockSum(blocks: 2), [[1, 2, 3]]) }
    }
}
