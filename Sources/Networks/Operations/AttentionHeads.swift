import Tensors
import Text

/// The heads of an attention: how many there are of queries and of keys, and how long their vectors are.
///
/// Consecutive heads share a key head if there are fewer of those (grouped-query attention).
package struct AttentionHeads: Sendable, Hashable {
    package let heads: Int
    package let keyHeads: Int
    package let headDimension: Int

    /// The heads whose vectors, `headDimension` elements each, the neurons are; nil if they are not whole heads.
    static func whole(_ neurons: [Int], headDimension: Int) -> [Int]? {
        guard headDimension > 0, neurons.count % headDimension == 0 else { return nil }
        let heads = stride(from: 0, to: neurons.count, by: headDimension).map { neurons[$0] / headDimension }
        let wanted = heads.flatMap { Array($0 * headDimension..<($0 + 1) * headDimension) }
        return wanted == neurons ? heads : nil
    }

    /// The elements of heads in rows of heads side by side.
    private func elements(of heads: [Int]) -> [Int] { heads.flatMap { Array($0 * headDimension..<($0 + 1) * headDimension) } }

    /// Some of the heads alone.
    struct Part {
        let heads: AttentionHeads
        /// Their elements in queries, and in keys and values.
        let queries: [Int]
        let keys: [Int]
    }

    /// The heads of these numbers with the key heads that they share; nil if they do not share them evenly.
    func part(_ chosen: [Int]) -> Part? {
        let group = max(1, heads / max(1, keyHeads))
        var members: [(key: Int, count: Int)] = []
        for head in chosen {
            if let last = members.last, last.key == head / group {
                members[members.count - 1].count += 1
            } else {
                members.append((head / group, 1))
            }
        }
        guard let first = members.first, members.allSatisfy({ $0.count == first.count }) else { return nil }
        return Part(
            heads: AttentionHeads(heads: chosen.count, keyHeads: members.count, headDimension: headDimension),
            queries: elements(of: chosen), keys: elements(of: members.map(\.key)))
    }

    /// The length of a row of queries.
    ///
    /// - Throws: ``Problem`` if the numbers make no heads.
    func width() throws(Problem) -> Int {
        let (width, overflows) = heads.multipliedReportingOverflow(by: headDimension)
        guard heads > 0, keyHeads > 0, headDimension > 0, !overflows, heads % keyHeads == 0 else {
            throw Problem(
                "the heads do not share the key heads evenly", expected: "a multiple of the \(keyHeads) key heads of \(headDimension)",
                found: "\(heads)")
        }
        return width
    }

    /// Checks the shapes of queries, and of keys or values.
    ///
    /// - Parameter firstQuery: the position of the first query.
    func check(queries: [Int], keys: [[Int]], firstQuery: Int = 0) throws(Problem) {
        let width = try width()
        guard queries.count == 3, queries[2] == width else {
            throw Problem(
                "the queries are not the heads'", expected: "samples x length x \(width)", found: words(queries))
        }
        let wanted = [queries[0], queries[1] + firstQuery, width / heads * keyHeads]
        if let other = keys.first(where: { $0 != wanted }) {
            throw Problem("keys and values do not fit the queries", expected: words(wanted), found: words(other))
        }
    }

    /// Checks the shape of sinks, where there are some.
    func check(sinks: [Int]?) throws(Problem) {
        guard let sinks, sinks != [heads] else { return }
        throw Problem("the sinks do not fit the heads", expected: "\(heads)", found: words(sinks))
    }

    /// The places of the heads in queries or outputs of that shape.
    ///
    /// - Parameter firstQuery: the position of the first query.
    func shape(_ queries: [Int], firstQuery: Int = 0) -> AttentionShape {
        AttentionShape(
            samples: queries[0], length: queries[1] + firstQuery, heads: heads, keyHeads: keyHeads, headDimension: headDimension,
            firstQuery: firstQuery)
    }
}

extension AttentionMask {
    /// Checks that every position attends to itself at least.
    func check() throws(Problem) {
        switch self {
        case .none, .causal: return
        case .window(let size) where size < 1:
            throw Problem("the window is empty", expected: "at least 1 position", found: "\(size)")
        case .chunk(let size) where size < 1:
            throw Problem("the chunks are empty", expected: "at least 1 position", found: "\(size)")
        case .window, .chunk: return
        }
    }
}

extension ScoreAdjustment {
    /// Checks that it can be applied to the scores of this number of heads.
    func check(heads: Int) throws(Problem) {
        guard fits(heads: heads) else {
            throw Problem("the scores cannot be adjusted", expected: "a cap above 0, or a slope for each of \(heads) heads")
        }
    }
}
