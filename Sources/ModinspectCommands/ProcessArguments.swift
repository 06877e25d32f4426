import CProcess
import Glibc
import Text

/// The words of the command line after the program's name, as `main` receives them.
///
/// Swift's own list of arguments comes from /proc, and is empty if that is not mounted.
enum ProcessArguments {
    /// The words; nil for one that is not UTF-8, which no string can represent, and its ``PathText``.
    static var words: [(text: String?, shown: String, path: String)] {
        UnsafeBufferPointer(start: cprocess_arguments(), count: Int(cprocess_argument_count())).dropFirst().compactMap { pointer in
            pointer.map { word in
                (
                    String(validatingCString: word), String(cString: word),
                    PathText.text(UnsafeBufferPointer(start: word, count: strlen(word)).map { UInt8(bitPattern: $0) })
                )
            }
        }
    }
}
