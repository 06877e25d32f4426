import CProcess

/// The words of the command line after the program's name, as `main` receives them.
///
/// Swift's own list of arguments comes from /proc, and is empty if that is not mounted.
enum ProcessArguments {
    /// The words; nil for one that is not UTF-8, which no string can represent.
    static var words: [(text: String?, shown: String)] {
        UnsafeBufferPointer(start: cprocess_arguments(), count: Int(cprocess_argument_count())).dropFirst().compactMap { pointer in
            pointer.map { (String(validatingCString: $0), String(cString: $0)) }
        }
    }
}
