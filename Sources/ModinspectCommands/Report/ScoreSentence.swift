import Modularity
import Pages
import Text

/// What a score says beside its null model, in plain words.
struct ScoreSentence {
    /// How a layer's clusterability lies among those of the same weights in random places, by its distance in standard deviations.
    enum Verdict: Equatable, CaseIterable {
        case farMore, more, noMore, less
        /// There is no score, or nothing that it could be compared with.
        case undefined

        /// From so many standard deviations on.
        static let farMoreFrom = 10.0
        static let moreFrom = 2.0

        init(_ null: NullModel?) {
            guard let z = null?.z else {
                self = .undefined
                return
            }
            self = z >= Self.farMoreFrom ? .farMore : z >= Self.moreFrom ? .more : z <= -Self.moreFrom ? .less : .noMore
        }

        /// `far more modular than its weights in random places`, for the subject of a sentence.
        var words: String {
            switch self {
            case .farMore: "far more modular than"
            case .more: "more modular than"
            case .noMore: "no more modular than"
            case .less: "less modular than"
            case .undefined: "not comparable with"
            }
        }
    }

    let score: Double?
    let null: NullModel?

    init(_ layer: ScoredLayer) {
        score = layer[.clusterability]
        null = layer.null
    }

    var verdict: Verdict { score == nil ? .undefined : Verdict(null) }

    /// What the sentence is about.
    enum Subject {
        case one, several
    }

    /// The sentence after its subject: ` is far more modular than its weights in random places: 0.84 against 0.57 ± 0.02 (z = 13.5)`.
    func predicate(of subject: Subject = .one) -> String {
        let (verb, owner) = subject == .one ? ("is", "its") : ("are on average", "their")
        guard let score else { return " \(subject == .one ? "has" : "have") no score: all \(owner) weights are 0" }
        guard let null, let mean = null.mean else { return " \(verb) not comparable with random places: no permutation has a score" }
        let digits = Self.digits(null.standardDeviation)
        func number(_ value: Double) -> String { ByteText.fixed(value, digits: digits) }
        guard let deviation = null.standardDeviation, let z = null.z else {
            return " \(verb) at \(number(score)), and \(owner) weights in random places always at \(number(mean))"
        }
        return
            " \(verb) \(verdict.words) \(owner) weights in random places: \(number(score)) against \(number(mean))\u{A0}±\u{A0}\(number(deviation))"
            + " (z\u{A0}=\u{A0}\(Self.distance(z)))"
    }

    /// One decimal, without the sign of what rounds to 0.
    static func distance(_ z: Double) -> String { ByteText.fixed(abs(z) < 0.05 ? 0 : z, digits: 1) }

    /// Two decimals, or as many as the deviation needs for a digit of its own, up to five.
    private static func digits(_ deviation: Double?) -> Int {
        guard let deviation, deviation > 0 else { return 4 }
        var digits = 2
        var half = 0.005
        while deviation < half, digits < 5 {
            half /= 10
            digits += 1
        }
        return digits
    }
}
