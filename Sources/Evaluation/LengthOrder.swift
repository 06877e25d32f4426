import Datasets

/// An order of sequences in which those of one length follow each other: they run together, as one product with each matrix, where batches of
/// neighbours in the data would often be single sequences.
package struct LengthOrder: Sendable {
    /// The samples in the order in which they run.
    package let samples: [Int]

    /// nil where nothing is to be gained: samples of numbers, sequences of one length.
    ///
    /// - Parameter window: as many consecutive samples change places among themselves, which bounds what waits for those before it.
    package init?(_ dataset: Dataset, window: Int = .max) {
        guard case .tokens(let tokens) = dataset.inputs, window > 1 else { return nil }
        let lengths = (0..<dataset.count).map(tokens.length(of:))
        guard lengths.contains(where: { $0 != lengths[0] }) else { return nil }
        var samples: [Int] = []
        samples.reserveCapacity(lengths.count)
        while samples.count < lengths.count {
            let members = samples.count..<samples.count + min(window, lengths.count - samples.count)
            samples += members.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        }
        self.samples = samples
    }
}

/// Values that come in any order and are handed on in the order of their numbers, from 0.
package struct Reordering<Value> {
    private var waiting: [Int: Value] = [:]
    private var next = 0

    package init() {}

    package mutating func add(_ value: Value, number: Int) { waiting[number] = value }

    /// Those that none before them is missing of, each once.
    package mutating func ready() -> [Value] {
        var ready: [Value] = []
        while let value = waiting.removeValue(forKey: next) {
            ready.append(value)
            next += 1
        }
        return ready
    }
}
