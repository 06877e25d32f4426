import Glibc
import Text

/// The names of a family's settings for rotary positions.
struct RotaryNames {
    /// The base of the frequencies outside a section.
    var base = ["rope_theta"]
    var turned: Turned

    /// How much of each head is rotated. Every family declares it: in transformers, some families read `partial_rotary_factor`, others
    /// do not, and nothing in the file shows which.
    enum Turned {
        /// All of it. The default positions of these families ignore a part that the settings name.
        case whole
        /// The part given by `partial_rotary_factor` in a section, or by one of these names outside it; the standard one
        /// if neither gives it.
        case part([String], standard: Double)
    }
}

extension RotaryDescription {
    /// The most elements a head can have.
    static let largestHead = 1 << 16

    /// The settings of rotary positions in either spelling: `rope_scaling` with `rope_theta`, or `rope_parameters`.
    ///
    /// Every step is in single precision, in the order of transformers' `modeling_rope_utils.py`.
    ///
    /// - Throws: ``Problem`` for types other than default, linear and llama3, which the error names.
    init(_ settings: Configuration, headDimension: Int, names: RotaryNames) throws(Problem) {
        let section = try Self.section(settings)
        let kind = try section.text("rope_type", "type") ?? "default"
        guard ["default", "linear", "llama3"].contains(kind) else {
            throw section.problem(
                "positions of this kind cannot be run", section.writtenName("rope_type", "type"), expected: "default, linear or llama3")
        }
        var base = try section.positiveNumber(["rope_theta"])
        if base == nil { base = try settings.positiveNumber(names.base) }
        var part = try section.number("partial_rotary_factor")
        var turned = headDimension
        switch names.turned {
        case .part(let outside, let standard):
            if part == nil { part = try settings.number(outside) }
            let part = part ?? standard
            guard part <= 1 else { throw Self.wrongPart("cannot be used", part, expected: "a part from 0 to 1") }
            turned = Int(Double(headDimension) * part)
        case .whole:
            if part == nil { part = try settings.number("partial_rotary_factor") }
            // transformers computes too few angles for whole heads there, and fails.
            if let part, part != 1, kind != "default" {
                throw Self.wrongPart("heads are turned in part", part, expected: "1 in this family")
            }
        }
        let pairs = (turned + 1) / 2
        guard headDimension <= Self.largestHead, pairs * 2 <= headDimension else {
            throw Problem(
                "the heads do not fit rotary positions", subject: "config.json",
                expected: "an even number of elements a head, at most \(Self.largestHead)", found: "\(headDimension)")
        }
        frequencies = (0..<pairs).map { pair in
            let exponent = Float(2 * pair) / Float(turned)
            return 1 / Float(pow(Double(Float(base ?? 10_000)), Double(exponent)))
        }
        rotated = pairs * 2

        switch kind {
        case "linear":
            let factor = Float(try section.requiredNumber("factor"))
            frequencies = frequencies.map { $0 / factor }
        case "llama3":
            let scaling = try LongContextScaling(section, settings)
            frequencies = frequencies.map(scaling.scaled)
        default: break
        }
        guard frequencies.allSatisfy(\.isFinite) else {
            throw Problem("the frequencies of rotary positions are not finite", subject: "config.json")
        }
    }

    /// The section with the settings of rotary positions. The older spelling takes precedence.
    private static func section(_ settings: Configuration) throws(Problem) -> Configuration {
        for name in ["rope_scaling", "rope_parameters"] {
            if let section = try settings.section(name) { return section }
        }
        return Configuration([:], path: "rope_parameters.")
    }

    private static func wrongPart(_ problem: String, _ part: Double, expected: String) -> Problem {
        Problem(problem, subject: "config.json: 'partial_rotary_factor'", expected: expected, found: "\(part)")
    }
}

/// Llama 3's stretching of long wavelengths, transformers' `_compute_llama3_parameters`.
private struct LongContextScaling {
    let factor: Float
    let lowFactor: Float
    let highFactor: Float
    let originalLength: Float

    init(_ section: Configuration, _ settings: Configuration) throws(Problem) {
        factor = Float(try section.requiredNumber("factor"))
        lowFactor = Float(try section.requiredNumber("low_freq_factor"))
        highFactor = Float(try section.requiredNumber("high_freq_factor"))
        guard highFactor > lowFactor else {
            throw section.problem("is too small", "high_freq_factor", expected: "more than low_freq_factor \(lowFactor)")
        }
        var length = try settings.size("original_max_position_embeddings")
        if length == nil { length = try section.size("original_max_position_embeddings") }
        if length == nil { length = try settings.requiredSize("max_position_embeddings") }
        originalLength = Float(length ?? 1)
    }

    func scaled(_ frequency: Float) -> Float {
        let wavelength = 2 * Float.pi / frequency
        if wavelength > originalLength / lowFactor { return frequency / factor }
        if wavelength < originalLength / highFactor { return frequency }
        let smooth = (originalLength / wavelength - lowFactor) / (highFactor - lowFactor)
        return (1 - smooth) * frequency / factor + smooth * frequency
    }
}
