import Networks
import Tensors
import Text

/// Where the scores of a run are read.
///
/// Scores of classes are the network's output. Those of tokens, [samples, length, vocabulary], can be larger than the model: they are
/// made from the input of the last linear layer a tile of rows at a time, and used before the next tile is made. The tiles depend on the
/// vocabulary alone.
package struct ScoreReading: Sendable {
    package let network: Network
    /// The node that a run records for its scores to be read.
    package let node: NodeID
    /// The rows of scores that are made at a time; nil if the recorded values are the scores.
    private let tileRows: Int?
    /// The last linear layer, and what follows it: functions of each score alone.
    let layer: NodeID
    let tail: [any Networks.Operation]

    /// The elements of a tile.
    private static let budget = 1 << 24

    /// Scores of tokens in tiles, all others as the network's output.
    package init(_ network: Network) {
        self.network = network
        if let output = network.anatomy.output, let tail = Self.tail(after: output.layer, in: network) {
            node = output.reading.node
            (layer, self.tail) = (output.layer, tail)
            tileRows = min(256, max(32, Self.budget / max(network.outputWidth, 1) / 16 * 16))
        } else {
            node = network.output
            (layer, tail) = (network.output, [])
            tileRows = nil
        }
    }

    /// The operations from a layer to the network's output; nil unless each is a function of single elements that works in place, and whose
    /// gradient needs no more than the network's output.
    private static func tail(after layer: NodeID, in network: Network) -> [any Networks.Operation]? {
        var (tail, current): ([any Networks.Operation], NodeID) = ([], network.output)
        while current != layer {
            let node = network.nodes[current.index]
            let readable: GradientReading = current == network.output ? .output : []
            guard node.operation.neurons == .elementwise, node.operation.worksInPlace, node.parameters.isEmpty, node.inputs.count == 1,
                node.operation.gradientReading.isSubset(of: readable)
            else { return nil }
            tail.append(node.operation)
            current = node.inputs[0]
        }
        return tail.reversed()
    }

    /// Scores that are the network's output, for runs in which the last layer's output itself is recorded or changed.
    package init(output network: Network) {
        self.network = network
        node = network.output
        (layer, tail) = (network.output, [])
        tileRows = nil
    }

    /// Where the outputs for a data set are read: those that are compared with numbers as they are.
    package init(_ batches: SampleBatches) {
        self = batches.dataset.targets.areNumbers ? ScoreReading(output: batches.network) : ScoreReading(batches.network)
    }

    /// The shape of the scores that the recorded values give.
    package func shape(of values: Tensor) -> [Int] {
        tileRows == nil ? values.shape : values.shape.dropLast() + [network.outputWidth]
    }

    /// The recorded values at the rows whose scores are wanted, and the numbers of these rows: nobody reads the scores of the others, whose
    /// product with the last layer may be a good part of a run.
    ///
    /// nil where nearly all are wanted, or the values are the scores.
    func chosen(_ values: Tensor, rows wanted: [Int], team: Team) -> (values: Tensor, rows: [Int])? {
        guard tileRows != nil, 4 * wanted.count <= 3 * values.rows else { return nil }
        let chosen = MutableTensor(uninitialized: [wanted.count, values.width])
        TableRows.gather(values.reshaped([values.rows, values.width]), .rows, into: chosen, team: team) { wanted[$0] }
        return (chosen, wanted)
    }

    /// Calls `body` with the scores of all rows that are requested, tile by tile in their order.
    ///
    /// - Parameters:
    ///   - values: what the run recorded at ``node``.
    ///   - parameters: those of the run.
    ///   - kept: where all scores are written, in their shape; nil if they are needed in `body` alone.
    ///   - isWanted: whether the scores of these rows are needed if they are not kept.
    ///   - body: gets the rows and their scores [rows, width], which hold until it returns.
    package func forEachTile(
        _ values: Tensor, parameters: ParameterValues, keeping kept: MutableTensor? = nil, team: Team, isWanted: (Range<Int>) -> Bool,
        _ body: (Range<Int>, Tensor) -> Void
    ) {
        let width = network.outputWidth
        guard let tileRows else {
            if let kept { keep(values, in: kept, team: team) }
            body(0..<values.rows, values.reshaped([values.rows, values.width]))
            return
        }
        let last = network.nodes[layer.index]
        let weights = last.parameters.map { parameters[$0] }
        let inputs = values.reshaped([values.rows, values.width])
        let target = kept?.reshaped([values.rows, width])
        let tile = target == nil ? MutableTensor(uninitialized: [min(tileRows, values.rows), width]) : nil
        for start in stride(from: 0, to: values.rows, by: tileRows) {
            let rows = start..<min(values.rows, start + tileRows)
            guard kept != nil || isWanted(rows), let scores = target?[rows] ?? tile?[0..<rows.count] else { continue }
            last.operation.forward(
                ForwardPass(
                    inputs: [inputs[rows]], parameters: weights, output: scores, scratch: MutableTensor(uninitialized: [0]), team: team))
            for operation in tail {
                operation.forward(
                    ForwardPass(
                        inputs: [scores], parameters: [], output: scores, scratch: MutableTensor(uninitialized: [0]), team: team))
            }
            body(rows, scores)
            if kept != nil, network.answerSteps != nil { keep(scores.copied(), in: scores, team: team) }
        }
    }

    /// Writes the model's answer of scores.
    private func keep(_ scores: Tensor, in kept: MutableTensor, team: Team) {
        kept.copy(from: scores)
        for operation in network.answerSteps?.operations ?? [] {
            operation.forward(
                ForwardPass(inputs: [kept.copied()], parameters: [], output: kept, scratch: MutableTensor(uninitialized: [0]), team: team))
        }
    }
}

extension SampleBatches {
    /// The answers that a run on a batch gives.
    ///
    /// - Parameters:
    ///   - run: has what is recorded at the reading's node.
    ///   - parameters: those of the run; the network's own if nil.
    ///   - kept: where all scores are written, in their shape, if they are wanted.
    /// - Throws: ``Problem`` if the output is not a table of scores.
    package func answers(
        _ place: Int, from run: RecordedRun, by reading: ScoreReading, parameters: ParameterValues? = nil,
        keeping kept: MutableTensor? = nil,
        team: Team
    ) throws -> Answers {
        guard let values = run[reading.node] else { preconditionFailure("no output") }
        if dataset.targets.areNumbers { return numberAnswers(place, from: values, by: reading, keeping: kept) }
        let shape = reading.shape(of: values)
        // Outputs that are no scores can be kept, with nothing to compare them with.
        if !dataset.targets.areKnown, shape.count != 2, shape.count != 3 {
            kept?.copy(from: values)
            return Answers()
        }
        guard shape.count == 2 || shape.count == 3 else {
            throw Problem(
                dataset.name, "the model's output is not a table of scores", expected: "samples x classes",
                found: shape.map(String.init).joined(separator: "x"))
        }
        let isAsked = run.hasAskedAlone(reading.node)
        let asked: [Int32] = if isAsked, case .tokens(let tokens) = batch(place) { tokens.asked } else { [] }
        let targets = isAsked ? askedTargets(of: Array(ranges[place])) : targets(place, outputShape: shape)
        let length = shape.count == 3 ? shape[1] : 1
        // Where the run has the last positions alone, their numbers are those of the whole sequences.
        let left = shape.count == 3 ? max(0, self.length(of: ranges[place].lowerBound) - length) : 0
        let chosen = kept == nil ? reading.chosen(values, rows: targets.indices.filter { targets[$0] >= 0 }, team: team) : nil
        let wanted = chosen?.rows.map { targets[$0] } ?? targets
        var answers = Answers()
        reading.forEachTile(
            chosen?.values ?? values, parameters: parameters ?? network.values, keeping: kept, team: team,
            isWanted: { rows in wanted[rows].contains { $0 >= 0 } },
            { rows, scores in
                let found = CrossEntropy.forward(scores, targets: Array(wanted[rows]), team: team)
                for row in rows where wanted[row] >= 0 {
                    let own = chosen?.rows[row] ?? row
                    answers.samples.append(ranges[place].lowerBound + own / length)
                    answers.positions.append(isAsked ? Int(asked[own]) : left + own % length)
                    answers.targets.append(wanted[row])
                    answers.predictions.append(found.predictions[row - rows.lowerBound])
                    answers.losses.append(found.losses[row - rows.lowerBound])
                }
            })
        return answers
    }

    /// The losses of outputs that are numbers, one for each sample.
    private func numberAnswers(_ place: Int, from values: Tensor, by reading: ScoreReading, keeping kept: MutableTensor?) -> Answers {
        kept?.copy(from: values)
        let samples = Array(ranges[place])
        guard case .numbers(let wanted) = wanted(of: samples, outputShape: values.shape, batch: batch(place)) else { return Answers() }
        var answers = Answers()
        answers.samples = samples
        answers.losses = SquaredError.losses(values, wanted: wanted, samples: samples.count)
        answers.positions = samples.map { _ in 0 }
        // Neither is a class.
        (answers.targets, answers.predictions) = (samples.map { _ in -1 }, samples.map { _ in -1 })
        return answers
    }
}
