import Glibc

/// How the frequencies of rotary positions follow the length of a sequence.
package enum RotaryStretch: Sendable {
    /// They do not.
    case none
    /// Sequences of more positions than `length` are turned by other frequencies.
    case beyond(length: Int, frequencies: [Float])
    /// Beyond `length` positions the base grows (dynamic NTK): base (factor n / length - (factor - 1))^(d / (d - 2)) for n positions and d
    /// turned elements.
    case growing(base: Float, factor: Float, length: Int, turned: Int)

    /// The frequencies for sequences of `length`, where shorter ones have the frequencies `standard`.
    func frequencies(_ standard: [Float], length: Int) -> [Float] {
        switch self {
        case .beyond(let limit, let frequencies) where length > limit: return frequencies
        case .growing(let base, let factor, let limit, let turned) where length > limit:
            let growth = factor * Float(length) / Float(limit) - (factor - 1)
            let grown = base * Float(pow(Double(growth), Double(turned) / Double(turned - 2)))
            return Self.frequencies(base: grown, turned: turned)
        case .none, .beyond, .growing: return standard
        }
    }

    /// Whether sequences of all lengths up to this one have the same frequencies.
    func isSteady(upTo length: Int) -> Bool {
        switch self {
        case .none: true
        case .beyond(let limit, _), .growing(_, _, let limit, _): length <= limit
        }
    }

    /// base^(-2 i / d) for pair i of d turned elements, rounded to single precision at every step.
    static func frequencies(base: Float, turned: Int) -> [Float] {
        stride(from: 0, to: turned, by: 2).map { 1 / Float(pow(Double(base), Double(Float($0) / Float(turned)))) }
    }
}
