/// Which names of two models mean the same tensor: equal ones; then those that are equal without the prefixes of training wrappers and
/// base models; then a name and the only name that ends in it, after a dot; then those that are equal without the text that all names of each
/// model begin with.
package struct NamePairing: Sendable {
    /// For each of the first model's names the place of its partner among the second's; nil for none.
    package let partners: [Int?]

    /// A name gets no partner if it is ambiguous because several names are equal without their prefixes.
    ///
    /// - Parameters:
    ///   - first: without repetition.
    ///   - second: likewise.
    package init(_ first: [String], _ second: [String]) {
        let places = Dictionary(second.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var partners = first.map { places[$0] }
        var uncertain: (first: Set<Int>, second: Set<Int>) = ([], [])
        func pair(_ firstKey: (String) -> Substring, _ secondKey: (String) -> Substring) {
            let taken = uncertain.second.union(partners.compactMap { $0 })
            let open = Dictionary(grouping: second.indices.filter { !taken.contains($0) }) { secondKey(second[$0]) }
            let lonely = first.indices.filter { partners[$0] == nil && !uncertain.first.contains($0) }
            for (name, places) in Dictionary(grouping: lonely, by: { firstKey(first[$0]) }) {
                guard let others = open[name] else { continue }
                if places.count == 1, others.count == 1 {
                    partners[places[0]] = others[0]
                } else {
                    uncertain.first.formUnion(places)
                    uncertain.second.formUnion(others)
                }
            }
        }
        pair({ TensorName($0).bare }, { TensorName($0).bare })
        Self.pairByEndings(first, second, &partners, uncertain)
        let (firstFront, secondFront) = (Self.commonFront(first), Self.commonFront(second))
        pair({ Self.rest($0, behind: firstFront) }, { Self.rest($0, behind: secondFront) })
        self.partners = partners
    }

    /// The same of things that may have several names each: two are partners if a name of one is the partner of a name of the other.
    package init(_ first: [[String]], _ second: [[String]]) {
        func owners(_ names: [[String]]) -> [Int] { names.indices.flatMap { place in names[place].map { _ in place } } }
        let pairing = NamePairing(first.flatMap(\.self), second.flatMap(\.self))
        let (own, others) = (owners(first), owners(second))
        var partners = [Int?](repeating: nil, count: first.count)
        var taken: Set<Int> = []
        for (place, partner) in pairing.partners.enumerated() where partners[own[place]] == nil {
            guard let other = partner.map({ others[$0] }), taken.insert(other).inserted else { continue }
            partners[own[place]] = other
        }
        self.partners = partners
    }

    /// Pairs names of which one ends in the other, if neither could have another partner.
    private static func pairByEndings(
        _ first: [String], _ second: [String], _ partners: inout [Int?], _ uncertain: (first: Set<Int>, second: Set<Int>)
    ) {
        let taken = uncertain.second.union(partners.compactMap { $0 })
        let openFirst = first.indices.filter { partners[$0] == nil && !uncertain.first.contains($0) }
        let openSecond = second.indices.filter { !taken.contains($0) }
        guard !openFirst.isEmpty, !openSecond.isEmpty else { return }
        let firstPlaces = Dictionary(openFirst.map { (first[$0][...], $0) }, uniquingKeysWith: { a, _ in a })
        let secondPlaces = Dictionary(openSecond.map { (second[$0][...], $0) }, uniquingKeysWith: { a, _ in a })
        var found: [Int: Set<Int>] = [:]
        var foundBack: [Int: Set<Int>] = [:]
        func add(_ a: Int, _ b: Int) {
            found[a, default: []].insert(b)
            foundBack[b, default: []].insert(a)
        }
        for a in openFirst {
            for ending in TensorName.endings(first[a]) { if let b = secondPlaces[ending] { add(a, b) } }
        }
        for b in openSecond {
            for ending in TensorName.endings(second[b]) { if let a = firstPlaces[ending] { add(a, b) } }
        }
        for (a, others) in found {
            if others.count == 1, let b = others.first, foundBack[b]?.count == 1 { partners[a] = b }
        }
    }

    /// What all names begin with, up to a dot; nothing for fewer than two names, of which all would be common.
    private static func commonFront(_ names: [String]) -> Substring {
        guard names.count > 1, var front = names.first?[...] else { return "" }
        for name in names.dropFirst() {
            let count = zip(front.utf8, name.utf8).prefix { $0 == $1 }.count
            front = Substring(front.utf8.prefix(count))
        }
        return Substring(
            front.utf8.prefix(
                front.utf8.lastIndex(of: UInt8(ascii: ".")).map { front.utf8.distance(from: front.utf8.startIndex, to: $0) + 1 } ?? 0))
    }

    /// A name without the front, if at least a module and its parameter remain, which identify more than `weight`; otherwise the whole name.
    private static func rest(_ name: String, behind front: Substring) -> Substring {
        let rest = Substring(name.utf8.dropFirst(front.utf8.count))
        return rest.utf8.contains(UInt8(ascii: ".")) ? rest : name[...]
    }
}
