import Glibc
import Text

/// Calls `body` with the thread's file names interpreted as UTF-8.
///
/// In the locale of C, which every program starts in, libarchive has no bytes for a name beyond ASCII: it replaces such names when
/// it reads them, and its zip writer dereferences a null pointer.
func withUTF8Names<Result>(_ body: () throws(Problem) -> Result) throws(Problem) -> Result {
    guard let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil) else { return try body() }
    let previous = uselocale(locale)
    defer {
        uselocale(previous)
        freelocale(locale)
    }
    return try body()
}
