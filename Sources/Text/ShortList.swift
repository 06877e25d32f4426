extension Collection<String> {
    /// The names in a message: the first few, then how many more there are, so that a line has an end.
    package func listed(atMost limit: Int = 10) -> String { listed(of: count, atMost: limit) }

    /// The same where these are the first of `total` names.
    package func listed(of total: Int, atMost limit: Int) -> String {
        let shown = prefix(limit).joined(separator: ", ")
        return total > limit ? shown + " and \(total - limit) more" : shown
    }
}
