/// Which stored sample each sample is: all of them in their order, or some in any order.
struct SampleSelection: Sendable {
    let count: Int
    private let stored: [Int]?

    /// All of `count` stored samples.
    init(all count: Int) {
        self.count = count
        stored = nil
    }

    private init(_ stored: [Int]) {
        count = stored.count
        self.stored = stored
    }

    /// The stored place of a sample.
    subscript(sample: Int) -> Int {
        precondition(sample >= 0 && sample < count, "sample \(sample) of \(count)")
        return stored.map { $0[sample] } ?? sample
    }

    /// Those at the places `samples`, in that order.
    func selecting(_ samples: [Int]) -> SampleSelection { SampleSelection(samples.map { self[$0] }) }
}
