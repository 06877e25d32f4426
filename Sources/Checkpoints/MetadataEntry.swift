import Text

/// An entry of a file's metadata, decoded when it is requested.
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
    /// The number of tensors in all parts, if the file records it.
    let tensorCount: Int?
}
