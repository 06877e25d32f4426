import Synchronization

/// A value that is derived when it is first asked for, once for all who hold this.
final class Derived<Value: Sendable>: Sendable {
    private let found = Mutex<Value?>(nil)

    init() {}

    /// - Parameter derive: the same for every call; who asks meanwhile waits.
    func value(_ derive: () -> Value) -> Value {
        found.withLock { found in
            if let found { return found }
            let value = derive()
            found = value
            return value
        }
    }
}
