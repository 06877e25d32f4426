extension String {
    /// The text between quotes, cut where it is long: how a message shows what a file holds.
    package var quotedInMessage: String {
        unicodeScalars.count <= 60 ? "'\(self)'" : "'\(String(String.UnicodeScalarView(unicodeScalars.prefix(60))))...'"
    }
}
