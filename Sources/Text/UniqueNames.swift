/// Names of which no two are the same: one that is taken gets a number.
package struct UniqueNames: Sendable {
    /// What stands between a name and its number.
    private let separator: String
    private var taken: Set<String> = []
    /// The next number for a name that is taken, so that many of one name cost no search.
    private var nextNumbers: [String: Int] = [:]

    package init(separator: String) { self.separator = separator }

    /// Takes a name.
    ///
    /// - Returns: whether it was free.
    package mutating func take(_ name: String) -> Bool { taken.insert(name).inserted }

    /// Takes the name itself if it is free, and otherwise the first free one of `name`, the separator and a number from 2.
    package mutating func unused(_ name: String) -> String {
        if take(name) { return name }
        var unused = name
        var number = nextNumbers[name] ?? 2
        repeat {
            unused = "\(name)\(separator)\(number)"
            number += 1
        } while !take(unused)
        nextNumbers[name] = number
        return unused
    }
}
