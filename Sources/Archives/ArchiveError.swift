import Text

/// Why a file or an archive could not be read or written; the caller knows the file's name.
package typealias ArchiveError = Problem
