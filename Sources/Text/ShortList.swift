extension Collection<String> {
    /// The names in a message: the first few, then how many more there are, so that a line has an end.
    package func listed(atMost limit: Int = 10) -> String {
        let shown = prefix(limit).joined(separator: ", ")
        return count > limit ? shown + " and \(count - limit) more" : shown
    }
}
