import Datasets

/// What is written beside the activations: the sample of each row, its position, its token and its label, and the answers of pairs.
///
/// | array | numbers |
/// |---|---|
/// | `sample` | the place of each row's sample in the data, from 0; of a pair, the pair's |
/// | `position` | the place of each row in its sequence, where sites have a row for each position |
/// | `token` | the token ids, [samples, length], or one for each row |
/// | `label` | the class, or the answer, of each row's sample |
/// | `answer`, `wrong_answer` | the right and the wrong answers of each pair, -1 where it has fewer |
package struct RecordedLabels {
    static let names: Set<String> = ["record", "sample", "position", "token", "label", "answer", "wrong_answer"]

    private let recording: Recording

    package init(_ recording: Recording) { self.recording = recording }

    /// The arrays in the order in which ``write(_:_:)`` fills them.
    package var arrays: [RecordedArray] {
        var arrays: [RecordedArray] = []
        func add(_ name: String, _ element: RecordedArray.Element, _ shape: [Int]) {
            arrays.append(RecordedArray(name: name, element: element, shape: shape, site: nil))
        }
        for part in recording.parts {
            let dataset = part.batches.dataset
            add(part.prefix + "sample", .int64, [part.rows])
            if part.hasRows { add(part.prefix + "position", .int64, [part.rows]) }
            if case .tokens = dataset.inputs {
                add(part.prefix + "token", .int32, part.hasRows ? [part.rows] : [part.rows, part.batches.length(of: 0)])
            }
            if labels(dataset) != nil { add(part.prefix + "label", .int32, [part.rows]) }
        }
        if let answers = recording.answers {
            for (name, lists) in [("answer", answers.right), ("wrong_answer", answers.wrong)] {
                add(name, .int32, [lists.count, lists.reduce(0) { max($0, $1.count) }])
            }
        }
        return arrays
    }

    /// Hands on the numbers of the array at a place of ``arrays`` in pieces of bounded size.
    package func write(_ place: Int, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        var number = 0
        func isNext() -> Bool {
            number += 1
            return number - 1 == place
        }
        for part in recording.parts {
            let dataset = part.batches.dataset
            if isNext() { return try forEachRow(part, sink) { sample, _ in Int64(sample) } }
            if part.hasRows, isNext() { return try forEachRow(part, sink) { _, position in Int64(position) } }
            if case .tokens(let tokens) = dataset.inputs, isNext() {
                return try forEachSample(part, sink) { sample -> [Int32] in
                    let ids = tokens.tokens(of: sample)
                    return part.hasRows ? part.places(sample).map { ids[ids.startIndex + $0] } : Array(ids)
                }
            }
            if let labels = labels(dataset), isNext() { return try forEachRow(part, sink) { sample, _ in labels[sample] } }
        }
        guard let answers = recording.answers else { return }
        for lists in [answers.right, answers.wrong] where isNext() {
            let width = lists.reduce(0) { max($0, $1.count) }
            for list in lists {
                let padded = list + [Int32](repeating: -1, count: width - list.count)
                try padded.withUnsafeBytes { try sink($0) }
            }
        }
    }

    private func labels(_ dataset: Dataset) -> [Int32]? {
        switch dataset.targets {
        case .labels(let list), .answers(let list): list
        default: nil
        }
    }

    private func forEachRow(
        _ part: Recording.Part, _ sink: (UnsafeRawBufferPointer) throws -> Void, _ number: (Int, Int) -> some FixedWidthInteger
    ) throws {
        try forEachSample(part, sink) { sample in
            part.hasRows ? part.places(sample).map { number(sample, $0) } : [number(sample, 0)]
        }
    }

    /// The numbers that are handed on at once.
    private static let piece = 1 << 16

    private func forEachSample<Number: FixedWidthInteger>(
        _ part: Recording.Part, _ sink: (UnsafeRawBufferPointer) throws -> Void, _ numbers: (Int) -> [Number]
    ) throws {
        var piece: [Number] = []
        for sample in 0..<part.batches.dataset.count {
            piece += numbers(sample)
            guard piece.count >= Self.piece || sample == part.batches.dataset.count - 1 else { continue }
            try piece.withUnsafeBytes { try sink($0) }
            piece.removeAll(keepingCapacity: true)
        }
    }
}
