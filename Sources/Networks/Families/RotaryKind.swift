import Glibc
import Text

/// Where the settings of rotary positions are.
struct RotarySource {
    let settings: Configuration
    let section: Configuration
    /// Whether the section is one of several, by kind of block.
    let isNested: Bool
    let standardOriginalLength: Int?

    /// The length of the sequences that the model was trained on before long ones.
    func originalLength() throws(Problem) -> Int {
        // Outside a section it takes precedence, as in transformers.
        if !isNested, let length = try settings.size("original_max_position_embeddings") { return length }
        if !isNested, let length = standardOriginalLength { return length }
        if let length = try section.size("original_max_position_embeddings") { return length }
        return try settings.requiredSize("max_position_embeddings")
    }

    /// The factor by which sequences are longer than originally; without a setting, as the lengths say.
    func factor(originalLength: Int) throws(Problem) -> Double {
        if let factor = try section.positiveNumber(["factor"]) { return factor }
        return Double(try settings.requiredSize("max_position_embeddings")) / Double(originalLength)
    }
}

/// The kinds of rotary positions: how the frequencies are stretched for sequences longer than those first trained on.
///
/// Source: transformers' `modeling_rope_utils.py`.
enum RotaryKind: String, CaseIterable {
    case standard = "default"
    /// All frequencies are divided by a factor.
    case linear
    /// The base grows with the sequence.
    case dynamic
    /// High frequencies stay, low ones are divided, with a ramp between (Peng et al., arXiv 2309.00071).
    case yarn
    /// A divisor for each frequency, with others for long sequences (Ding et al., arXiv 2402.13753).
    case longrope
    /// Long wavelengths are stretched.
    case llama3

    static let known = allCases.dropLast().map(\.rawValue).joined(separator: ", ") + " or " + llama3.rawValue

    /// The frequencies of a kind, the factor of cosines and sines, and what changes with the length.
    typealias Scaling = (frequencies: [Float], attentionScale: Float, stretch: RotaryStretch)

    init(_ section: Configuration, synonyms: [String: String]) throws(Problem) {
        let word = try section.text("rope_type", "type") ?? Self.standard.rawValue
        guard let kind = Self(rawValue: synonyms[word] ?? word) else {
            throw section.problem(
                "positions of this kind cannot be run", section.writtenName("rope_type", "type"), expected: Self.known)
        }
        self = kind
    }

    func scaling(_ source: RotarySource, _ standard: [Float], base: Float, turned: Int) throws(Problem) -> Scaling {
        switch self {
        case .standard: return (standard, 1, .none)
        case .linear:
            let factor = Float(try source.section.requiredNumber("factor"))
            return (standard.map { $0 / factor }, 1, .none)
        case .dynamic:
            guard turned > 2 else {
                throw source.section.problem("too few elements are turned for this kind", "rope_type", expected: "heads of more than 2")
            }
            let growing = RotaryStretch.growing(
                base: base, factor: Float(try source.section.requiredNumber("factor")),
                length: try source.settings.requiredSize("max_position_embeddings"), turned: turned)
            return (standard, 1, growing)
        case .llama3:
            let scaling = try LongContextScaling(source)
            return (standard.map(scaling.scaled), 1, .none)
        case .yarn: return try yarn(source, standard, base: base, turned: turned)
        case .longrope: return try longrope(source, standard, base: base, turned: turned)
        }
    }

    /// `_compute_yarn_parameters`.
    private func yarn(_ source: RotarySource, _ standard: [Float], base: Float, turned: Int) throws(Problem) -> Scaling {
        let section = source.section
        let originalLength = try source.originalLength()
        let factor = try source.factor(originalLength: originalLength)
        func magnitude(_ factor: Double, _ scale: Double = 1) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
        let stated = try section.number("attention_factor")
        let (scale, scaleOfAll) = (try section.number("mscale") ?? 0, try section.number("mscale_all_dim") ?? 0)
        let inferred = scale > 0 && scaleOfAll > 0 ? magnitude(factor, scale) / magnitude(factor, scaleOfAll) : magnitude(factor)

        func dimension(of turns: Double) -> Double {
            Double(turned) * log(Double(originalLength) / (turns * 2 * .pi)) / (2 * log(Double(base)))
        }
        func turns(_ name: String, standard: Double) throws(Problem) -> Double {
            let stated = try section.number(name) ?? standard
            return stated == 0 ? standard : stated
        }
        var low = dimension(of: try turns("beta_fast", standard: 32))
        var high = dimension(of: try turns("beta_slow", standard: 1))
        // The library looks for it beside the sections, where it is not.
        if source.isNested ? true : try section.flag("truncate") ?? true { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, Double(turned - 1)))
        if low == high { high += 0.001 }
        let frequencies = standard.enumerated().map { pair, frequency in
            let ramp = min(max((Float(pair) - Float(low)) / Float(high - low), 0), 1)
            let kept = 1 - ramp
            return 1 / (Float(factor) * (1 / frequency)) * (1 - kept) + frequency * kept
        }
        return (frequencies, Float(stated ?? inferred), .none)
    }

    /// `_compute_longrope_parameters`.
    private func longrope(_ source: RotarySource, _ standard: [Float], base: Float, turned: Int) throws(Problem) -> Scaling {
        let section = source.section
        let originalLength = try source.originalLength()
        let factor = try source.factor(originalLength: originalLength)
        let stated = try section.number("attention_factor")
        let inferred = factor <= 1 ? 1 : (1 + log(factor) / log(Double(originalLength))).squareRoot()
        func frequencies(_ name: String) throws(Problem) -> [Float] {
            guard let divisors = try section.numbers(name) else {
                throw Problem("is missing", subject: "config.json: '\(section.fullName(name))'", expected: "\(standard.count) numbers")
            }
            guard divisors.count == standard.count, divisors.allSatisfy({ $0 > 0 }) else {
                throw section.problem(
                    "does not fit the heads", name, expected: "\(standard.count) numbers above 0", found: "\(divisors.count)")
            }
            return zip(divisors, standard).map { 1 / (Float($0) * (1 / $1)) }
        }
        return (
            try frequencies("short_factor"), Float(stated ?? inferred),
            .beyond(length: originalLength, frequencies: try frequencies("long_factor"))
        )
    }
}

/// Llama 3's stretching of long wavelengths, transformers' `_compute_llama3_parameters`.
private struct LongContextScaling {
    let factor: Float
    let lowFactor: Float
    let highFactor: Float
    let originalLength: Float

    init(_ source: RotarySource) throws(Problem) {
        let section = source.section
        factor = Float(try section.requiredNumber("factor"))
        lowFactor = Float(try section.requiredNumber("low_freq_factor"))
        highFactor = Float(try section.requiredNumber("high_freq_factor"))
        guard highFactor > lowFactor else {
            throw section.problem("is too small", "high_freq_factor", expected: "more than low_freq_factor \(lowFactor)")
        }
        originalLength = Float(try source.originalLength())
    }

    func scaled(_ frequency: Float) -> Float {
        let wavelength = 2 * Float.pi / frequency
        if wavelength > originalLength / lowFactor { return frequency / factor }
        if wavelength < originalLength / highFactor { return frequency }
        let smooth = (originalLength / wavelength - lowFactor) / (highFactor - lowFactor)
        return (1 - smooth) * frequency / factor + smooth * frequency
    }
}
