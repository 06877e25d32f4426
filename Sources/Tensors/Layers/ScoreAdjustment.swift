import Glibc
import Kernels
import KernelsV3

/// What happens to the scaled products of queries and keys before the softmax.
package enum ScoreAdjustment: Sendable, Hashable {
    case none
    /// s becomes cap tanh(s / cap), so that no score exceeds the cap (Gemma 2).
    case cap(Float)
    /// For each head, a slope times the key's position relative to the query's is added (ALiBi, Press et al., arXiv 2108.12409).
    case slopes([Float])

    /// The slopes of ALiBi for a number of heads: a geometric sequence, which for a number that is no power of two is filled up with every
    /// other term of the next power's.
    package static func alibi(heads: Int) -> ScoreAdjustment {
        var power = 1
        while power * 2 <= heads { power *= 2 }
        func slope(_ place: Int, of count: Int) -> Float { Float(pow(2, -8 * Double(place) / Double(count))) }
        let first = (1...power).map { slope($0, of: power) }
        let rest = (0..<(heads - power)).map { slope(2 * $0 + 1, of: 2 * power) }
        return .slopes(first + rest)
    }

    /// The same for some heads.
    package func part(_ heads: [Int]) -> ScoreAdjustment {
        if case .slopes(let slopes) = self { .slopes(heads.map { slopes[$0] }) } else { self }
    }

    /// Whether it can be applied to this number of heads.
    package func fits(heads: Int) -> Bool {
        switch self {
        case .none: true
        case .cap(let cap): cap > 0 && cap.isFinite
        case .slopes(let slopes): slopes.count == heads
        }
    }

    /// Adjusts the scores of a head's query with consecutive keys.
    ///
    /// - Parameters:
    ///   - query: its position.
    ///   - first: the position of the first key.
    func apply(to scores: UnsafeMutablePointer<Float>, _ count: Int, head: Int, query: Int, first: Int) {
        switch self {
        case .none: return
        case .cap(let cap):
            RowSoftmax.scale(scores, count, by: 1 / cap)
            let code = ActivationFunction.tanh.code
            Elementwise.isWide ? KernelsV3.activate(code, scores, scores, count) : Kernels.activate(code, scores, scores, count)
            RowSoftmax.scale(scores, count, by: cap)
        case .slopes(let slopes):
            let slope = slopes[head]
            for key in 0..<count { scores[key] += slope * Float(first + key - query) }
        }
    }

    /// Turns the gradient of adjusted scores into that of the products.
    ///
    /// - Parameter scores: adjusted; read only where there is a cap.
    func turnGradient(_ gradient: UnsafeMutablePointer<Float>, at scores: UnsafePointer<Float>, _ count: Int) {
        guard case .cap(let cap) = self else { return }
        let inverse = 1 / cap
        for key in 0..<count {
            let bent = scores[key] * inverse
            gradient[key] *= 1 - bent * bent
        }
    }

    /// Whether its gradient depends on the scores.
    package var bends: Bool { if case .cap = self { true } else { false } }
}
