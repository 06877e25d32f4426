import Text

/// Something that a file says of itself beside its tensors, decoded when it is asked for.
package struct MetadataEntry: Sendable {
    package let key: String
    private let read: @Sendable () -> JSONValue

    init(key: String, _ read: @escaping @Sendable () -> JSONValue) {
        self.key = key
        self.read = read
    }

    package var value: JSONValue { read() }
}

/// Which part of a model that is split over several files a file is.
struct SplitPart: Sendable {
    /// Counted from 0.
    let number: Int
    let count: Int
    /// The tensors of all the parts, where the file says it.
    let tensorCount: Int?
}
