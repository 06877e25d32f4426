/// Which names of two models mean the same tensor: equal ones, then those that are equal without the prefixes of training wrappers.
package struct NamePairing: Sendable {
    /// For each of the first model's names the place of its partner among the second's; nil for none.
    package let partners: [Int?]

    /// A name whose partner is not certain, because several are equal without their prefixes, gets none.
    ///
    /// - Parameters:
    ///   - first: without repetition.
    ///   - second: likewise.
    package init(_ first: [String], _ second: [String]) {
        let places = Dictionary(second.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var partners = first.map { places[$0] }
        let taken = Set(partners.compactMap { $0 })
        func bare(_ names: [String], _ isOpen: (Int) -> Bool) -> [Substring: [Int]] {
            Dictionary(grouping: names.indices.filter(isOpen)) { TensorName(names[$0]).bare }
        }
        let open = bare(second) { !taken.contains($0) }
        for (name, places) in bare(first, { partners[$0] == nil }) {
            if places.count == 1, let others = open[name], others.count == 1 { partners[places[0]] = others[0] }
        }
        self.partners = partners
    }
}
