/// A text that is equal to another only if their bytes are: `String` also takes for equal what Unicode calls canonically equivalent, such as
/// an é of one scalar and one of two, which are the names of different files.
package struct ExactText: Hashable, Sendable {
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }
}
