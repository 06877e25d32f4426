import Modularity
import Pages
import Pictures
import Plots
import Text

/// What a score says beside its null model, in plain words.
struct ScoreSentence {
    /// How a layer's clusterability lies among those of the same weights in random places, by its distance in standard deviations.
    enum Verdict: Equatable, CaseIterable {
        case farMore, more, noMore, less
        /// There is no score, or nothing that it could be compared with.
        case undefined

        /// From so many standard deviations on.
        static let farMoreFrom = NullDistance.farMoreFrom
        static let moreFrom = NullDistance.moreFrom

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
    /// How many digits the numbers have after the point.
    private let digits: Int

    /// - Parameter digits: those of the sentences around it, see ``digits(_:)``; nil for as many as this one needs.
    init(_ layer: ScoredLayer, digits: Int? = nil) {
        score = layer[.clusterability]
        null = layer.null
        self.digits = digits ?? Self.digits([layer])
    }

    /// The digits that sentences of the layers have in common: as many as the smallest deviation needs, four where nothing deviates.
    static func digits(_ layers: [ScoredLayer]) -> Int {
        let deviations = layers.compactMap { $0.null?.standardDeviation }.filter { $0 > 0 }
        return deviations.isEmpty ? 4 : NullDistance.digits(deviations)
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
        func number(_ value: Double) -> String { NumberText.fixed(value, digits: digits) }
        guard let deviation = null.standardDeviation, let z = null.z else {
            return " \(verb) at \(number(score)), and \(owner) weights in random places always at \(number(mean))"
        }
        return
            " \(verb) \(verdict.words) \(owner) weights in random places: \(number(score)) against \(number(mean))\u{A0}±\u{A0}\(number(deviation))"
            + " (z\u{A0}=\u{A0}\(Self.distance(z)))"
    }

    /// One decimal, without the sign of what rounds to 0.
    static func distance(_ z: Double) -> String { NumberText.fixed(z, digits: 1) }
}
