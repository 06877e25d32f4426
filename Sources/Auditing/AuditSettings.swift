import Modularity
import Text

/// What the rows of an audit are computed with.
package struct AuditSettings: Sendable, Equatable {
    /// The version of the program: another one may compute other rows.
    package var version: String
    package var method: ClusteringMethod
    package var alignment: SideAlignment
    package var coupling: LayerCoupling
    /// The numbers of clusters; none for the automatic choice.
    package var counts: [Int]
    /// The permutations of each layer's weights to compare with, 0 for none.
    package var nullSamples: Int
    package var seed: UInt64
    /// The patterns that select the layers to score; none for those that the model's kind suggests.
    package var layers: [String]
    /// The measure that summaries are about. It changes no row.
    package var measure: Measure

    /// The measure of summaries where none is named.
    package static let standardMeasure = Measure.adjusted

    package init(
        version: String, method: ClusteringMethod = .standard, alignment: SideAlignment = .aligned,
        coupling: LayerCoupling = .independent, counts: [Int] = [4], nullSamples: Int = 0, seed: UInt64 = 0, layers: [String] = [],
        measure: Measure = standardMeasure
    ) {
        self.version = version
        self.method = method
        self.alignment = alignment
        self.coupling = coupling
        self.counts = counts
        self.nullSamples = nullSamples
        self.seed = seed
        self.layers = layers
        self.measure = measure
    }

    /// Every setting that changes a row, as JSON on one line: rows computed with the same identity are the same for the same bytes.
    package var identity: String { Self.text(of: .object(rowMembers)) }

    /// All settings as JSON on one line.
    package var line: String { Self.text(of: .object(rowMembers + [("measure", .literal(JSONText.string(measure.rawValue)))])) }

    private var rowMembers: [(String, JSONTree)] {
        [
            ("version", .literal(JSONText.string(version))),
            ("method", .literal(JSONText.string(method.rawValue))),
            ("aligned", .literal(alignment == .aligned ? "true" : "false")),
            ("chained", .literal(coupling == .chained ? "true" : "false")),
            ("k", .array(counts.map { .literal("\($0)") })),
            ("null", .literal("\(nullSamples)")),
            // As text, since a JSON number need not hold 64 bits.
            ("seed", .literal(JSONText.string("\(seed)"))),
            ("layers", .array(layers.map { .literal(JSONText.string($0)) })),
        ]
    }

    private static func text(of tree: JSONTree) -> String {
        var text = ByteText()
        do {
            try tree.write(to: &text, isIndented: false)
        } catch {
            preconditionFailure("\(error)")
        }
        return String(decoding: text.bytes, as: UTF8.self)
    }

    /// Reads what ``line`` wrote.
    ///
    /// - Throws: ``Problem`` for anything else.
    package init(line: String) throws(Problem) {
        let value = try JSONValue(line: Array(line.utf8))
        func text(_ name: String) throws(Problem) -> String {
            guard let text = value[name]?.text else { throw Self.problem(name, "a string") }
            return text
        }
        func flag(_ name: String) throws(Problem) -> Bool {
            guard let flag = value[name]?.flag else { throw Self.problem(name, "true or false") }
            return flag
        }
        version = try text("version")
        let methodName = try text("method")
        guard let method = ClusteringMethod(rawValue: methodName) else { throw Self.problem("method", "a method", methodName) }
        self.method = method
        alignment = try flag("aligned") ? .aligned : .unaligned
        coupling = try flag("chained") ? .chained : .independent
        guard case .list(let counts)? = value["k"], let wholes = counts.wholes(in: 1...Int.max) else {
            throw Self.problem("k", "numbers from 1 on")
        }
        self.counts = wholes
        guard case .integer(let samples)? = value["null"], samples >= 0 else { throw Self.problem("null", "a number from 0 on") }
        nullSamples = samples
        let seedText = try text("seed")
        guard let seed = UInt64(seedText) else { throw Self.problem("seed", "a number from 0 on", seedText) }
        self.seed = seed
        guard case .list(let patterns)? = value["layers"], let layers = patterns.texts else { throw Self.problem("layers", "strings") }
        self.layers = layers
        let measureName = try text("measure")
        guard let measure = Measure(rawValue: measureName) else { throw Self.problem("measure", "a measure", measureName) }
        self.measure = measure
    }

    private static func problem(_ name: String, _ expected: String, _ found: String? = nil) -> Problem {
        Problem("the setting '\(name)' is not valid", expected: expected, found: found?.quotedInMessage)
    }
}
