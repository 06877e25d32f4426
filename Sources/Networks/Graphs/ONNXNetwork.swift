import Archives
import Checkpoints
import Text

/// The network of an ONNX graph.
enum ONNXNetwork {
    /// - Throws: ``Problem`` that names the operator, if one cannot be run, and for graphs that are damaged or never end.
    static func network(of checkpoint: Checkpoint, graph: ByteRegion) throws(Problem) -> Network {
        var model = try ONNXModel(graph)
        let version = model.versions[""] ?? 0
        guard (7...23).contains(version) else {
            throw Problem("operators of a version that is not known", expected: "opset 7 to 23", found: "\(version)")
        }
        let input = try input(model)
        let output = try output(model)
        model = model.answering(with: output)
        let order = try order(model, output: output.name)
        var readers: [String: [Int]] = [:]
        readers.reserveCapacity(order.count)
        for index in order { for name in model.nodes[index].inputs where !name.isEmpty { readers[name, default: []].append(index) } }
        if input.isOfTokens {
            let search = SequenceLengthSearch(
                input: input, candidates: { LengthCandidates.lengths(model, checkpoint) }, cost: model.stored.count
            ) { input, longest, reached throws(Problem) in
                try network(of: checkpoint, model, input, output, order, readers, [longest], reached: &reached)
            }
            return try search.network()
        }
        var failures: [Problem] = []
        for sizes in input.openSizes {
            do throws(Problem) {
                return try network(of: checkpoint, model, input, output, order, readers, sizes)
            } catch {
                failures.append(error)
            }
        }
        var failure = failures.first
        // A loop is why the graph does not run, whatever before it does not go together.
        for index in order where GraphConversion.loops.contains(model.nodes[index].operation) && model.nodes[index].domain.isEmpty {
            throw GraphConversion.refusal(model.nodes[index])
        }
        if let failure, failure.what == Linear.widthProblem,
            let network = fittingImages(of: checkpoint, model, input, output, order, readers)
        {
            return network
        }
        // What is the same for any size, or is between samples, depends on none.
        if failures.contains(where: { $0 != failures[0] }), failure?.hint == nil,
            failure.map({ GraphConversion.sampleProblems.contains($0.what) }) == false
        {
            failure?.hint = .giveSampleShape
        }
        throw failure ?? Problem("holds no graph")
    }

    /// The largest images that are tried where the file says no size.
    private static let imageLimit = 512

    /// The network for square images, if the layers behind them fit some sizes alone: they are fixed where that is a single one.
    private static func fittingImages(
        of checkpoint: Checkpoint, _ model: ONNXModel, _ input: GraphInput, _ output: ONNXModel.Value, _ order: [Int],
        _ readers: [String: [Int]]
    ) -> Network? {
        guard !input.isOfTokens, input.shape.count == 3, input.shape[0] != nil, input.shape[1] == nil, input.shape[2] == nil,
            order.count <= 1 << 10
        else { return nil }
        var fitting: [Int] = []
        for size in 1...imageLimit where fitting.count < 3 {
            if (try? network(of: checkpoint, model, input.of(size), output, order, readers, [0, 0, 0])) != nil { fitting.append(size) }
        }
        guard let first = fitting.first, let last = fitting.last else { return nil }
        guard first != last else { return try? network(of: checkpoint, model, input.of(first), output, order, readers, [0, 0, 0]) }
        let sizes = [first, last, fitting[1]]
        return (try? network(of: checkpoint, model, input, output, order, readers, sizes))
            ?? (try? network(of: checkpoint, model, input.of(first), output, order, readers, [0, 0, 0]))
    }

    private static func network(
        of checkpoint: Checkpoint, _ model: ONNXModel, _ input: GraphInput, _ output: ONNXModel.Value, _ order: [Int],
        _ readers: [String: [Int]], _ sizes: [Int]
    ) throws(Problem) -> Network {
        var reached = SequenceLengthSearch.Progress()
        return try network(of: checkpoint, model, input, output, order, readers, sizes, reached: &reached)
    }

    /// - Parameter reached: how far it came.
    private static func network(
        of checkpoint: Checkpoint, _ model: ONNXModel, _ input: GraphInput, _ output: ONNXModel.Value, _ order: [Int],
        _ readers: [String: [Int]], _ sizes: [Int], reached: inout SequenceLengthSearch.Progress
    ) throws(Problem) -> Network {
        let probes = input.probes(sizes)
        var conversion = GraphConversion(
            model, checkpoint, probes: probes, fixedSamples: input.samples, input: input.network, inputSite: input.name, readers: readers)
        conversion.values[input.name] = try conversion.add(
            input.name, input.isOfTokens ? TokenNumbers() as any Operation : InputOperation(), type: input.type)
        for (name, number) in input.constants {
            let numbers = probes.map { probe in
                let (samples, length) = if case .tokens(let samples, let length) = probe { (samples, length) } else { (1, 1) }
                return GraphNumbers([samples, length], [Double](repeating: number, count: samples * length))
            }
            conversion.values[name] = GraphValue(source: .numbers(numbers), type: .int64, shapes: numbers.map(\.shape))
        }
        let pools = WrittenPools(model, order, readers)
        conversion.writtenPools = pools.pools
        conversion.done = pools.parts
        conversion.reserve(order.count)
        for index in order {
            defer { reached.numbers = conversion.computedNumbers }
            try conversion.convert(index)
            reached.operators += 1
        }
        guard let value = conversion.values[output.name] else {
            throw Problem("the graph's output is made by nothing", found: "'\(output.name)'")
        }
        let site = try conversion.site(of: value, for: output.name)
        conversion.graph.output = site
        conversion.graph.leaveOutUnread(but: input.name)
        conversion.graph.nameDecompositions(shapes: conversion.shapesOfSites)
        conversion.graph.leaveOutUnread(but: input.name)
        conversion.graph.fixed = ConstantTensors.fixed(in: conversion.graph, of: checkpoint, stored: model.stored)
        conversion.graph.nameTied(checkpoint.ties)
        conversion.graph.shareTensors()
        if input.isOfTokens {
            conversion.vocabulary = conversion.vocabulary ?? conversion.tokenLimit
            guard let vocabulary = conversion.vocabulary else {
                throw Problem("its whole numbers choose from no table of embeddings", subject: "input '\(input.name)'")
            }
            let positions = [conversion.positions, input.lengths.longest].compactMap(\.self).min()
            conversion.graph.input = .tokens(vocabulary: vocabulary, positions: input.length ?? positions)
        }
        let shape = value.shapes[0]
        let isOfSamples = zip(value.shapes, probes).allSatisfy { $0.first == $1.samples }
        guard isOfSamples else {
            throw Problem(
                GraphConversion.outputProblem, subject: "output '\(output.name)'",
                expected: "\(probes[0].samples) in the first dimension for \(probes[0].samples) samples", found: words(shape))
        }
        if input.isOfTokens { conversion.graph.outputKind = shape.count == 3 ? .answers : .classes }
        let anatomy = conversion.graph.recogniseAnatomy(
            of: checkpoint, probes: probes, vocabulary: input.isOfTokens ? conversion.vocabulary : nil)
        // Stored tensors whose numbers were read as settings are used too.
        var read: Set<String> = []
        for index in order { for name in model.nodes[index].inputs { if let stored = model.stored[name] { read.insert(stored.tensor) } } }
        // Whole numbers that other outputs are made of, such as the names of classes, are no weights that were left out.
        for name in model.nodes.lazy.flatMap(\.inputs) {
            if let stored = model.stored[name], stored.type.isWhole { read.insert(stored.tensor) }
        }
        var network = try conversion.graph.network(
            of: checkpoint, outputWidth: shape.last ?? 1, anatomy: anatomy,
            ignoring: { read.contains($0) || $0.hasSuffix("num_batches_tracked") || isSetting($0, in: checkpoint) })
        network.fixedNumbers = Self.fixedNumbers(order, model)
        let trained = Set(network.parameters.map(\.tensorName))
        network.unsaidTensors = Self.unsaid(model.stored.values.filter { trained.contains($0.tensor) })
        network.untrained = Self.untrained(order, model, checkpoint.ties, read: Set(network.parameters.map(\.name)))
            .subtracting(network.fixedNumbers).sorted()
        network.keptStatistics = conversion.keptStatistics
        let given = numberOutputs(model).map { $0.title ?? $0.name }
        if given.count > 1 { network.outputNames = given }
        network.beside = conversion.beside(order, in: network)
        network.fixedLength = input.length
        network.isLengthOfFile = input.isLengthOfFile
        network.givenSamples = input.isShapeGiven ? input.shape : nil
        network.shortestLength = input.length == nil ? input.lengths.shortest : nil
        (network.classLabels, network.classNames) = classes(model, checkpoint, count: shape.last ?? 1)
        return network
    }

    // MARK: Inputs and outputs

    /// The one input that data is given for.
    struct GraphInput {
        let name: String
        let type: ONNXModel.ElementType
        let isOfTokens: Bool
        /// The shape of a sample; nil for lengths that are open.
        var shape: [Int?]
        /// Whether the file says how long sequences of tokens are.
        let isLengthOfFile: Bool
        /// Whether somebody has said the shape, which the file leaves open.
        var isShapeGiven = false
        /// The samples that the file fixes; nil if they are open.
        let samples: Int?
        /// Other inputs, by what they are where nobody gives them.
        let constants: [String: Double]
        /// What is known of the length of sequences that the shape leaves open.
        var lengths: SequenceLengths

        /// The same input of square images of a size.
        func of(_ size: Int) -> GraphInput {
            var fixed = self
            fixed.shape = [shape[0], size, size]
            return fixed
        }

        var network: Network.Input { isOfTokens ? .tokens(vocabulary: 1, positions: nil) : .values(shape: shape) }

        /// The length of sequences of tokens that the file fixes; nil if it is open.
        var length: Int? { isOfTokens ? shape[0] : nil }

        /// Lengths to try for those that are open, one for each probe; no linear function of the samples, so that they are not taken for one.
        var openSizes: [[Int]] {
            !shape.contains(nil) ? [[0, 0, 0]] : [[64, 160, 96], [224, 288, 256], [32, 64, 48]]
        }

        /// Batches of different sizes, so that what depends on the size shows.
        func probes(_ sizes: [Int]) -> [BatchShape] {
            if let length { return [2, 3, 5].map { .tokens(samples: $0, length: length) } }
            if isOfTokens {
                return zip([2, 3, 5, 7], SequenceLengthSearch.lengths(from: lengths.shortest ?? 1, to: sizes[0])).map {
                    .tokens(samples: $0, length: $1)
                }
            }
            return zip([2, 3, 5], sizes).map { samples, size in .values([samples] + shape.map { $0 ?? size }) }
        }
    }

    /// Inputs of a language model beside the tokens, and what they are for sequences without gaps.
    private static let beside = ["attention_mask": 1.0, "token_type_ids": 0, "segment_ids": 0, "input_mask": 1]

    /// The inputs for which data is given, and those that are the same for all samples.
    private static func inputs(_ model: ONNXModel) -> (rest: [ONNXModel.Value], constants: [String: Double]) {
        let open = model.inputs.filter { model.stored[$0.name] == nil }
        var constants: [String: Double] = [:]
        var rest: [ONNXModel.Value] = []
        for value in open {
            if open.count > 1, let number = beside[value.name] { constants[value.name] = number } else { rest.append(value) }
        }
        return (rest, constants)
    }

    /// The only input for which data is given; nil if there are several.
    static func samplesInput(of model: ONNXModel) -> ONNXModel.Value? {
        let rest = inputs(model).rest
        return rest.count == 1 ? rest[0] : nil
    }

    private static func input(_ model: ONNXModel) throws(Problem) -> GraphInput {
        let (rest, constants) = inputs(model)
        guard let value = rest.first, rest.count == 1 else {
            // tf2onnx writes no numbers for some constants, whose names are those of operations: those of Keras's Normalization.
            let lost = rest.filter { $0.name.contains("/") && $0.name.hasSuffix(":0") }
            if !lost.isEmpty, lost.count == rest.count - 1 {
                throw Problem(
                    "the export has left out the numbers of constants, which are inputs instead",
                    found: lost.map { "'\($0.name)'" }.joined(separator: ", "))
            }
            throw Problem(
                "a model of several inputs is not run", expected: "one input that data is given for",
                found: rest.isEmpty ? "none" : rest.map { "'\($0.name)'" }.joined(separator: ", "))
        }
        let subject = "input '\(value.name)'"
        guard value.isTensor, let shape = value.shape, !shape.isEmpty else {
            let isOpen = value.isTensor && value.shape == nil
            throw Problem(
                "is no tensor of a known number of dimensions", subject: subject, expected: "samples first",
                hint: isOpen ? .giveSampleShape : nil)
        }
        var isOfTokens = false
        switch value.type {
        case .float, .double, .float16, .bfloat16: break
        case .int64, .int32:
            guard shape.count == 2 else {
                throw Problem(
                    "whole numbers are run as tokens", subject: subject, expected: "samples x length", found: "\(shape.count) dimensions")
            }
            if let length = shape[1], !(1...1 << 16).contains(length) {
                throw Problem("sequences of this length are not run", subject: subject, expected: "1 to \(1 << 16)", found: "\(length)")
            }
            isOfTokens = true
        default: throw Problem("is of a type that is not run", subject: subject, expected: "float or int64", found: "\(value.type)")
        }
        return GraphInput(
            name: value.name, type: value.type, isOfTokens: isOfTokens, shape: Array(shape.dropFirst()),
            isLengthOfFile: isOfTokens && shape[1] != nil, isShapeGiven: value.isShapeGiven, samples: shape[0],
            constants: constants, lengths: value.lengths)
    }

    /// The outputs of numbers: what classifiers name as the label is none.
    private static func numberOutputs(_ model: ONNXModel) -> [ONNXModel.Value] {
        model.outputs.filter { $0.isTensor && !$0.type.isWhole && $0.type != .string }
    }

    /// The output of numbers that is the answer.
    private static func output(_ model: ONNXModel) throws(Problem) -> ONNXModel.Value {
        let numbers = numberOutputs(model)
        if let answer = ModelOutput.answer(among: numbers.map { $0.title ?? $0.name }) { return numbers[answer] }
        // Classifiers of skl2onnx make a dictionary of each row of numbers.
        let maps = model.nodes.first { node in
            node.domain == "ai.onnx.ml" && node.operation == "ZipMap" && node.inputs.count == 1
                && node.outputs.contains { name in model.outputs.contains { $0.name == name } }
        }
        guard let output = maps.map({ ONNXModel.Value(name: $0.inputs[0]) }) else {
            throw Problem(
                "has no output of numbers",
                found: model.outputs.isEmpty ? "none" : model.outputs.map { "'\($0.name)'" }.joined(separator: ", "))
        }
        return output
    }

    /// What skl2onnx's classifiers call their classes: numbers, or names.
    private static func classes(_ model: ONNXModel, _ checkpoint: Checkpoint, count: Int) -> (labels: [Int]?, names: [String]?) {
        for node in model.nodes where node.domain == "ai.onnx.ml" {
            var labels: [Int] = []
            var names: [String] = []
            if node.operation == "ZipMap" {
                labels = node.integers("classlabels_int64s") ?? []
                if case .texts(let texts)? = node.attributes["classlabels_strings"] { names = texts }
            } else if node.operation == "ArrayFeatureExtractor", let list = node.inputs.first {
                names = model.texts[list] ?? []
                if let stored = model.stored[list], stored.type.isWhole, let record = checkpoint[stored.tensor],
                    record.elementCount == count
                {
                    labels = record.doubles().map(GraphNumbers.integer)
                }
            }
            if labels.count == count, Set(labels).count == count { return (labels, nil) }
            if names.count == count, Set(names).count == count { return (nil, names) }
        }
        return (nil, nil)
    }

    // MARK: Order

    /// The operators that the output needs, each after all that it reads.
    ///
    /// - Throws: ``Problem`` for a graph with a cycle.
    static func order(_ model: ONNXModel, output: String) throws(Problem) -> [Int] {
        var makers: [String: Int] = [:]
        makers.reserveCapacity(model.nodes.count)
        for (index, node) in model.nodes.enumerated() {
            for name in node.outputs where !name.isEmpty {
                guard makers.updateValue(index, forKey: name) == nil else {
                    throw Problem("makes a value that another operator makes too", subject: node.subject, found: "'\(name)'")
                }
            }
        }
        // Depth first without recursion: an operator is entered, its inputs come, then it is left.
        var order: [Int] = []
        var state = [UInt8](repeating: 0, count: model.nodes.count)
        var waiting: [(node: Int, isLeaving: Bool)] = makers[output].map { [($0, false)] } ?? []
        while let (index, isLeaving) = waiting.popLast() {
            if isLeaving {
                state[index] = 2
                order.append(index)
                continue
            }
            if state[index] == 2 { continue }
            guard state[index] == 0 else { continue }
            state[index] = 1
            waiting.append((index, true))
            for name in model.nodes[index].inputs.reversed() {
                guard let maker = makers[name] else { continue }
                if state[maker] == 1 {
                    throw Problem("the graph has a cycle", subject: model.nodes[maker].subject, expected: "operators that come to an end")
                }
                if state[maker] == 0 { waiting.append((maker, false)) }
            }
        }
        return order
    }
}
