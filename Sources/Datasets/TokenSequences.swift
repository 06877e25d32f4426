import Checkpoints

/// Sequences of token ids, none negative. Ids in files stay in their stored form until a sample is requested.
package struct TokenSequences: Sendable {
    /// The largest id and where it is first.
    package struct LargestToken: Sendable, Equatable {
        package let value: Int32
        package let sample: Int
        package let position: Int
    }

    private enum Storage: Sendable {
        case listed([Int32])
        /// Integers that were checked to be ids.
        case stored(TensorRecord)
    }

    private enum Layout: Sendable {
        /// Sequences of `length` ids, of which the last may be shorter, `total` in all.
        case regular(length: Int, total: Int)
        /// Where each sequence begins, and where the last one ends.
        case ragged([Int])
    }

    private let storage: Storage
    private let layout: Layout
    private let selection: SampleSelection

    /// The number of sequences.
    package var count: Int { selection.count }

    /// Sequences of any lengths; no id is negative.
    package init(_ sequences: [[Int32]]) {
        var ids: [Int32] = []
        var starts = [0]
        for sequence in sequences {
            ids += sequence
            starts.append(ids.count)
        }
        precondition(ids.allSatisfy { $0 >= 0 }, "a negative token id")
        storage = .listed(ids)
        layout = .ragged(starts)
        selection = SampleSelection(all: sequences.count)
    }

    /// `ids` in pieces of `length`; the last one may be shorter. No id is negative.
    init(_ ids: [Int32], length: Int) {
        storage = .listed(ids)
        (layout, selection) = Self.regular(length: length, total: ids.count)
    }

    /// The first `total` elements of `record` in row-major order, in pieces of `length`.
    init(checked record: TensorRecord, length: Int, total: Int) {
        precondition(total <= record.elementCount, "\(total) of \(record.elementCount) elements")
        storage = .stored(record)
        (layout, selection) = Self.regular(length: length, total: total)
    }

    private init(_ tokens: TokenSequences, _ selection: SampleSelection) {
        storage = tokens.storage
        layout = tokens.layout
        self.selection = selection
    }

    private static func regular(length: Int, total: Int) -> (Layout, SampleSelection) {
        precondition(length > 0, "sequences of \(length) ids")
        return (.regular(length: length, total: total), SampleSelection(all: total / length + (total % length == 0 ? 0 : 1)))
    }

    /// The number of ids in a sample.
    package func length(of sample: Int) -> Int { place(of: sample).count }

    /// The number of ids in the longest sample; 0 if there are none.
    package var maximumLength: Int { (0..<count).reduce(0) { max($0, length(of: $1)) } }

    /// The ids of a sample. The slice's indices mean nothing: count from its `startIndex`.
    package func tokens(of sample: Int) -> ArraySlice<Int32> {
        let place = place(of: sample)
        switch storage {
        case .listed(let ids):
            return ids[place]
        case .stored(let record):
            let values = [Double](unsafeUninitializedCapacity: place.count) { target, count in
                record.fill(UnsafeMutableBufferPointer(rebasing: target[..<place.count]), elements: place)
                count = place.count
            }
            // They were checked when the file was opened, but a mapped file may change.
            return values.map { value in
                guard let id = Int32(exactly: value), id >= 0 else { return .max }
                return id
            }[...]
        }
    }

    /// The largest id with the first sample and position that has it; nil if there are no ids. Costs a pass over all.
    package func largestToken() -> LargestToken? {
        var largest: LargestToken?
        for sample in 0..<count {
            let ids = tokens(of: sample)
            guard let value = ids.max(), value > largest?.value ?? -1, let place = ids.firstIndex(of: value) else { continue }
            largest = LargestToken(value: value, sample: sample, position: place - ids.startIndex)
        }
        return largest
    }

    func selecting(_ samples: [Int]) -> TokenSequences { TokenSequences(self, selection.selecting(samples)) }

    private func place(of sample: Int) -> Range<Int> {
        let stored = selection[sample]
        switch layout {
        case .regular(let length, let total): return stored * length..<min(stored * length + length, total)
        case .ragged(let starts): return starts[stored]..<starts[stored + 1]
        }
    }
}
