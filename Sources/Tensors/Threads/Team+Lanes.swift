import Synchronization

extension Team {
    /// Calls `body` for 0..<count with the number of a lane below ``size``, and returns when all are done.
    ///
    /// No two calls that run at once have the same lane: it selects the call's own share of scratch memory. What is
    /// computed must depend only on the index.
    package func forEachInLanes(_ count: Int, _ body: @Sendable (_ index: Int, _ lane: Int) -> Void) {
        let next = Atomic<Int>(0)
        forEach(min(size, count)) { lane in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index, lane)
            }
        }
    }
}
