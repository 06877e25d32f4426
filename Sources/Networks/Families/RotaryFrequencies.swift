import Glibc
import Text

/// The names of a family's settings for rotary positions.
struct RotaryNames {
    /// The base of the frequencies outside a section.
    var base = ["rope_theta"]
    /// The base if no setting gives it.
    var standardBase = 10_000.0
    var turned: Turned
    var pairing = Rotary.Pairing.halves
    /// Other names of kinds in this family.
    var synonyms: [String: String] = [:]
    /// The length of the sequences before long ones were trained on, if no setting gives it; nil for the longest that the model takes.
    var standardOriginalLength: Int?
    /// The kind of blocks that the positions are of, where a section holds one section for each kind; nil for one section for all blocks.
    var layerType: LayerType?
    /// The section that holds if the settings have none.
    var standardSection: [String: ConfigurationValue] = [:]

    /// How much of each head is rotated. Every family declares it: in transformers, some families read `partial_rotary_factor`, others
    /// do not, and nothing in the file shows which.
    enum Turned {
        /// All of it. The default positions of these families ignore a part that the settings name.
        case whole
        /// The part given by `partial_rotary_factor` in a section, or by one of these names outside it; the standard one
        /// if neither gives it.
        case part([String], standard: Double)
        /// The same in families whose heads are cut where the part ends, which must be between two pairs.
        case evenPart([String], standard: Double)
    }

    /// The kinds of blocks that have positions of their own.
    enum LayerType: String {
        case full = "full_attention"
        case sliding = "sliding_attention"
    }
}

extension RotaryDescription {
    /// The most elements a head can have.
    static let largestHead = 1 << 16

    /// The settings of rotary positions in either spelling: `rope_scaling` with `rope_theta`, or `rope_parameters`.
    ///
    /// Every step is in single precision, in the order of transformers' `modeling_rope_utils.py`.
    ///
    /// - Throws: ``Problem`` for a kind that is not known, which the error names.
    init(_ settings: Configuration, headDimension: Int, names: RotaryNames) throws(Problem) {
        let section = try Self.section(settings, names.layerType, standard: names.standardSection)
        let kind = try RotaryKind(section, synonyms: names.synonyms)
        // What stands in the section takes precedence over the same outside it.
        let outerBase = try settings.positiveNumber(names.base)
        let base = try section.positiveNumber(["rope_theta"]) ?? outerBase
        let stated = try section.number("partial_rotary_factor")
        var turned = headDimension
        switch names.turned {
        case .part(let outside, let standard), .evenPart(let outside, let standard):
            let outer = try settings.number(outside)
            let part = stated ?? outer ?? standard
            guard part <= 1 else { throw Self.wrongPart("cannot be used", part, expected: "a part from 0 to 1") }
            turned = Int(Double(headDimension) * part)
            if case .evenPart = names.turned, turned % 2 != 0 {
                throw Self.wrongPart("turns an odd number of elements", part, expected: "an even number of the \(headDimension) of a head")
            }
        case .whole:
            let outer = try settings.number("partial_rotary_factor")
            // transformers computes too few angles for whole heads there, and fails.
            if let part = stated ?? outer, part != 1, kind != .standard {
                throw Self.wrongPart("heads are turned in part", part, expected: "1 in this family")
            }
        }
        try self.init(
            RotarySource(
                settings: settings, section: section, isNested: names.layerType != nil,
                standardOriginalLength: names.standardOriginalLength), kind, base: Float(base ?? names.standardBase), turned: turned,
            headDimension: headDimension, pairing: names.pairing)
    }

    /// Positions of one kind.
    ///
    /// - Parameter turned: the number of elements of a head that are rotated.
    init(
        _ source: RotarySource, _ kind: RotaryKind, base: Float, turned: Int, headDimension: Int, pairing: Rotary.Pairing
    ) throws(Problem) {
        let pairs = (turned + 1) / 2
        guard headDimension <= Self.largestHead, pairs * 2 <= headDimension else {
            throw Problem(
                "the heads do not fit rotary positions", subject: "config.json",
                expected: "an even number of elements a head, at most \(Self.largestHead)", found: "\(headDimension)")
        }
        rotated = pairs * 2
        self.pairing = pairing
        let standard = RotaryStretch.frequencies(base: base, turned: turned)
        let found = try kind.scaling(source, standard, base: base, turned: turned)
        (frequencies, attentionScale, stretch) = (found.frequencies, found.attentionScale, found.stretch)
        var all = frequencies + [attentionScale]
        if case .beyond(_, let other) = stretch { all += other }
        guard all.allSatisfy(\.isFinite) else {
            throw Problem("the frequencies of rotary positions are not finite", subject: "config.json")
        }
    }

    /// The section with the settings of rotary positions. The older spelling takes precedence.
    ///
    /// In the older spelling, models with two kinds of blocks stretch the positions of those that see everything.
    private static func section(
        _ settings: Configuration, _ layerType: RotaryNames.LayerType?, standard: [String: ConfigurationValue]
    ) throws(Problem) -> Configuration {
        let nested = [RotaryNames.LayerType.full, .sliding].map(\.rawValue)
        let sections = (older: try settings.section("rope_scaling"), newer: try settings.section("rope_parameters"))
        for (name, section) in [("rope_scaling", sections.older), ("rope_parameters", sections.newer)] {
            guard let section else { continue }
            guard nested.contains(where: section.hasSection) else {
                switch (layerType, name) {
                case (nil, _), (.full, "rope_scaling"): return section
                case (.sliding, "rope_scaling"): continue
                default:
                    throw settings.problem("has no section for each kind of block", name, expected: nested.joined(separator: " and "))
                }
            }
            guard let layerType else {
                throw settings.problem("positions by kind of block cannot be run in this family", name, expected: "one kind for all blocks")
            }
            if let own = try section.section(layerType.rawValue) { return own }
        }
        return Configuration(standard, path: "rope_parameters.")
    }

    private static func wrongPart(_ problem: String, _ part: Double, expected: String) -> Problem {
        Problem(problem, subject: "config.json: 'partial_rotary_factor'", expected: expected, found: "\(part)")
    }
}
