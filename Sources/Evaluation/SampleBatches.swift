import Archives
import Datasets
import Networks
import Tensors
import Text

/// A data set in batches for a network: consecutive samples of the same shape.
package struct SampleBatches: Sendable {
    /// The network that runs: where classes or tokens are asked for, that whose output are their logits.
    package let network: Network
    package let dataset: Dataset
    /// The samples of each batch.
    package let ranges: [Range<Int>]
    /// The shape of one sample of numbers, as the network reads it; nil for tokens.
    private let sampleShape: [Int]?
    /// What the sizes of the batches follow from.
    private let sizing: (batchSize: Int?, request: RunRequest)

    /// The most elements of one run's values if the user does not give the number of samples in a batch.
    private static let budget = 1 << 24
    /// The positions of sequences for which it is worth to read all parameters; a run for fewer may have a quarter as many values as
    /// there are parameters.
    private static let wide = 256
    private static let largest = 256

    /// - Parameters:
    ///   - batchSize: the samples of a batch; if nil, the number depends on the memory of a run.
    ///   - request: what a run will compute, which determines its memory; only its output if nil.
    /// - Throws: ``Problem`` if the data does not fit the network.
    package init(_ dataset: Dataset, for network: Network, batchSize: Int? = nil, request: RunRequest? = nil) throws {
        let network = dataset.targets.areKnown && !dataset.targets.areNumbers ? network.scoring : network
        let request = request ?? RunRequest(recorded: [network.output])
        self.network = network
        self.dataset = dataset
        sizing = (batchSize, request)
        let sampleShape = try DataFit(network, dataset).sampleShape
        self.sampleShape = sampleShape
        var ranges: [Range<Int>] = []
        var sizes: [Int: Int] = [:]
        var start = 0
        while start < dataset.count {
            let length = Self.length(of: start, dataset)
            let size: Int
            if let known = sizes[length] {
                size = known
            } else {
                size = try Self.size(
                    network, sampleShape: sampleShape, length: length, wanted: batchSize.map { min($0, dataset.count) }, request: request,
                    data: dataset.name)
                sizes[length] = size
            }
            let limit = min(dataset.count, start + size)
            var end = start + 1
            while end < limit, Self.length(of: end, dataset) == length { end += 1 }
            ranges.append(start..<end)
            start = end
        }
        self.ranges = ranges
    }

    /// The samples at the places `samples`, in that order, in batches of their own.
    package func selecting(_ samples: [Int]) throws -> SampleBatches {
        try SampleBatches(dataset.selecting(samples), for: network, batchSize: sizing.batchSize, request: sizing.request)
    }

    /// The requested size, or as many samples as keep the values of a run within the budget.
    ///
    /// - Throws: ``Problem`` if a run does not fit into memory.
    private static func size(_ network: Network, sampleShape: [Int]?, length: Int, wanted: Int?, request: RunRequest, data: String) throws
        -> Int
    {
        func bytes(_ samples: Int) throws -> Int {
            try Executor.memory(
                network, batch: shape(samples: samples, sampleShape: sampleShape, length: length), request: request)
        }
        func check(_ samples: Int, _ bytes: Int, hint: Hint? = nil) throws {
            let limit = PhysicalMemory.byteCount
            guard bytes <= limit else {
                throw Problem(
                    data, "what a run on \(samples) \(samples == 1 ? "sample" : "samples") computes does not fit into memory",
                    expected: "at most \(limit) bytes", found: "\(bytes)", hint: hint)
            }
        }
        let one = try bytes(1)
        try check(1, one)
        guard let wanted else {
            let elements = max(one / MemoryLayout<Float>.size, 1)
            let parameters = network.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
            let samples = max(budget / elements, min(wide / max(length, 1), parameters / 4 / elements))
            return min(largest, max(1, samples))
        }
        try check(wanted, try bytes(wanted), hint: .useSmallerBatch)
        return wanted
    }

    private static func length(of sample: Int, _ dataset: Dataset) -> Int {
        if case .tokens(let tokens) = dataset.inputs { return tokens.length(of: sample) }
        return 0
    }

    private static func shape(samples: Int, sampleShape: [Int]?, length: Int) -> BatchShape {
        if let sampleShape { return .values([samples] + sampleShape) }
        return .tokens(samples: samples, length: length)
    }

    /// The shape of a batch.
    package func shape(_ place: Int) -> BatchShape { shape(samples: ranges[place].count, like: ranges[place].lowerBound) }

    /// The shape of a batch of as many samples as shaped as the sample `first`.
    package func shape(samples: Int, like first: Int) -> BatchShape {
        Self.shape(samples: samples, sampleShape: sampleShape, length: length(of: first))
    }

    /// The length of a sample's sequence; 0 for samples of numbers.
    package func length(of sample: Int) -> Int { Self.length(of: sample, dataset) }

    /// Whether the answers to the samples are read at the last position of sequences of tokens alone.
    package var areAnsweredAtEnd: Bool {
        guard case .tokens = dataset.inputs else { return false }
        return switch dataset.targets {
        case .labels, .answers: true
        case .nextToken, .masked, .numbers, .inputs, .none: false
        }
    }

    /// Has a run read the outputs of a node only where answers are: at the last position of sequences, or at masked tokens.
    package func readAnswers(at node: NodeID, _ request: inout RunRequest) {
        if areAnsweredAtEnd { request.readAtEnd = [node] }
        if case .masked = dataset.targets { request.readAsked = [node] }
    }

    /// The network's input for a batch.
    package func batch(_ place: Int) -> Batch { batch(of: Array(ranges[place])) }

    /// The network's input for any samples of one shape.
    package func batch(of samples: [Int]) -> Batch {
        switch dataset.inputs {
        case .values(let values):
            let tensor = MutableTensor(uninitialized: [samples.count] + (sampleShape ?? values.shape))
            tensor.withMutableElements { values.fill($0, samples: samples) }
            return .values(tensor)
        case .tokens(let tokens):
            let length = samples.first.map(tokens.length(of:)) ?? 0
            var ids: [Int32] = []
            ids.reserveCapacity(samples.count * length)
            for sample in samples { ids += checked(tokens.tokens(of: sample)) }
            return .tokens(TokenBatch(ids: ids, samples: samples.count, length: length, asked: askedPositions(of: samples)))
        }
    }

    /// The places of masked tokens in samples of one shape, as many of each sample: those of one that has fewer are filled up with its last
    /// place, or with the first of the sequence. Empty if other answers are asked for.
    private func askedPositions(of samples: [Int]) -> [Int32] {
        forEachAsked(of: samples) { Int32($0?.position ?? 0) }
    }

    /// The answers at the positions that a batch asks about; -1 where a position is there to fill up.
    func askedTargets(of samples: [Int]) -> [Int32] {
        guard case .masked(let answers) = dataset.targets else { return [] }
        var targets = forEachAsked(of: samples) { $0?.token ?? -1 }
        let count = targets.count / max(samples.count, 1)
        for (row, sample) in samples.enumerated() {
            for place in answers[sample].count..<count { targets[row * count + place] = -1 }
        }
        return targets
    }

    private func forEachAsked(of samples: [Int], _ value: (Dataset.MaskedAnswer?) -> Int32) -> [Int32] {
        guard case .masked(let answers) = dataset.targets else { return [] }
        let count = samples.map { answers[$0].count }.max() ?? 0
        return samples.flatMap { sample in
            let own = answers[sample]
            return (0..<count).map { value($0 < own.count ? own[$0] : own.last) }
        }
    }

    /// Ids that are checked again when they are used: they were in the vocabulary when the data was checked, but a large file may have changed.
    private func checked(_ ids: ArraySlice<Int32>) -> ArraySlice<Int32> {
        if case .tokens(let vocabulary, _) = network.input, !ids.allSatisfy({ $0 >= 0 && Int($0) < vocabulary }) {
            ChangedFile.stop(dataset.name)
        }
        return ids
    }

    /// The answers of a batch, one for each row of scores; -1 for rows that nobody asks about.
    ///
    /// The rows are samples where the network scores samples, [samples, classes], else positions, [samples, length, vocabulary].
    package func targets(_ place: Int, outputShape: [Int]) -> [Int32] { targets(of: Array(ranges[place]), outputShape: outputShape) }

    /// The answers of any samples of one shape; see ``targets(_:outputShape:)``.
    package func targets(of samples: [Int], outputShape: [Int]) -> [Int32] {
        let length = outputShape.count == 3 ? outputShape[1] : 1
        switch dataset.targets {
        case .labels(let labels), .answers(let labels):
            var targets = [Int32](repeating: -1, count: samples.count * length)
            for (row, sample) in samples.enumerated() { targets[(row + 1) * length - 1] = labels[sample] }
            return targets
        case .nextToken:
            guard case .tokens(let tokens) = dataset.inputs else { return [] }
            var targets: [Int32] = []
            targets.reserveCapacity(samples.count * length)
            for sample in samples {
                targets += checked(tokens.tokens(of: sample)).dropFirst()
                targets.append(-1)
            }
            return targets
        case .masked(let answers):
            var targets = [Int32](repeating: -1, count: samples.count * length)
            for (row, sample) in samples.enumerated() {
                for answer in answers[sample] where answer.position < length { targets[row * length + answer.position] = answer.token }
            }
            return targets
        case .none, .numbers, .inputs:
            return [Int32](repeating: -1, count: samples.count * length)
        }
    }

    /// What the outputs of samples of one shape are compared with.
    ///
    /// - Parameters:
    ///   - isAsked: whether the outputs are those at the positions that a batch asks about alone.
    ///   - batch: what the network read.
    package func wanted(
        of samples: [Int], outputShape: [Int], isAsked: Bool = false, batch: @autoclosure () -> Batch
    ) -> WantedOutputs {
        switch dataset.targets {
        case .numbers(let numbers): .numbers(samples.flatMap(numbers.numbers(of:)))
        case .inputs:
            if case .values(let values) = batch() {
                .numbers(Array(values.elements))
            } else {
                preconditionFailure("tokens as wanted outputs")
            }
        case .masked where isAsked: .classes(askedTargets(of: samples))
        case .labels, .answers, .nextToken, .masked, .none: .classes(targets(of: samples, outputShape: outputShape))
        }
    }
}

extension Dataset.Targets {
    /// Whether there are answers to compare with.
    package var areKnown: Bool { if case .none = self { false } else { true } }

    /// Whether outputs are compared with numbers instead of classes.
    package var areNumbers: Bool {
        switch self {
        case .numbers, .inputs: true
        case .labels, .answers, .nextToken, .masked, .none: false
        }
    }
}
