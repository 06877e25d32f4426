/// One thing that a result depends on, as stated by the part that reads it.
///
/// Two runs have the same result if all of their parts have the same dependencies. Words are compared literally, and bytes
/// by their hash.
package enum Dependency: Sendable {
    /// A setting, as text that differs if the setting does.
    case words(String)
    /// Bytes that count by their content, one region after the other.
    case content([ByteRegion])
    /// A file, with its name.
    case file(String)

    /// A setting that may not have been made.
    package static func setting(_ value: (some CustomStringConvertible)?) -> Dependency? { value.map { .words("\($0)") } }
}
