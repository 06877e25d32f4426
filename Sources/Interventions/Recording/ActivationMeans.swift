import Datasets
import Networks
import Text

/// Mean activations of sites or clusters, over all of the data or by the class of the samples.
package struct ActivationMeans: Sendable {
    /// The activations of one site or cluster, for one class or for all.
    package struct Row: Sendable {
        package let site: RecordedSite
        /// Whether they are of the clean or the corrupted side of pairs; nil for samples.
        package let side: String?
        /// nil for all classes.
        package let label: Int32?
        package let moments: ActivationMoments
    }

    package let rows: [Row]

    /// Runs the model over the data.
    ///
    /// - Parameter progress: called with the number of samples done.
    /// - Throws: ``Problem`` if the samples have no classes and those are asked for. The class of both samples of a
    ///   pair is its only answer.
    package init(_ recording: Recording, byClass: Bool, progress: (Int) -> Void = { _ in }) throws {
        let labels = byClass ? try recording.parts.map { try Self.labels($0, of: recording) } : []
        let partNumbers = Dictionary(uniqueKeysWithValues: recording.parts.enumerated().map { ($1.prefix, $0) })
        // By part and site, the moments of each class in the order of the samples.
        var sums = recording.parts.map { _ in recording.sites.map { _ in [Int32: ActivationMoments]() } }
        try recording.run(
            progress: progress,
            reduce: { part, site, samples, values -> [(Int32, ActivationMoments)] in
                guard byClass, let number = partNumbers[part.prefix] else { return [(-1, ActivationMoments(values[...]))] }
                return zip(samples, part.pieces(of: values, site, samples)).map { (labels[number][$0], ActivationMoments($1)) }
            },
            consume: { number, _, found in
                for (site, moments) in found.enumerated() {
                    for (label, added) in moments { sums[number][site][label, default: ActivationMoments()].add(added) }
                }
            })
        rows = recording.sites.enumerated().flatMap { place, site in
            recording.parts.enumerated().flatMap { number, part in
                sums[number][place].sorted { $0.key < $1.key }.map { label, moments in
                    Row(
                        site: site, side: part.prefix.isEmpty ? nil : String(part.prefix.dropLast()), label: byClass ? label : nil,
                        moments: moments)
                }
            }
        }
    }

    /// The class of each sample; of pairs, the only answer of each.
    private static func labels(_ part: Recording.Part, of recording: Recording) throws -> [Int32] {
        switch part.batches.dataset.targets {
        case .labels(let list), .answers(let list): return list
        default:
            if let answers = recording.answers?.right {
                if let pair = answers.firstIndex(where: { $0.count != 1 }) {
                    throw Problem(
                        part.batches.dataset.name, "pair \(pair) has no class, which is its only answer", expected: "1 answer",
                        found: "\(answers[pair].count)")
                }
                return answers.map { $0[0] }
            }
            throw Problem(part.batches.dataset.name, "has no class for each sample", expected: "labels or answers", hint: .giveLabels)
        }
    }
}

/// The number of activations, their mean, the sum of their squared distances from it, and how many are above 0.
///
/// Two sets are joined as Chan, Golub and LeVeque (1979) do, in double precision.
package struct ActivationMoments: Sendable {
    package private(set) var count = 0
    package private(set) var sum = 0.0
    private var squares = 0.0
    private var positive = 0

    init() {}

    init(_ values: ArraySlice<Float>) {
        count = values.count
        for value in values {
            sum += Double(value)
            if value > 0 { positive += 1 }
        }
        let mean = count > 0 ? sum / Double(count) : 0
        for value in values { squares += (Double(value) - mean) * (Double(value) - mean) }
    }

    mutating func add(_ other: ActivationMoments) {
        guard other.count > 0 else { return }
        if count > 0 {
            let (own, added) = (Double(count), Double(other.count))
            let difference = other.sum / added - sum / own
            squares += other.squares + difference * difference * own * added / (own + added)
        } else {
            squares = other.squares
        }
        count += other.count
        sum += other.sum
        positive += other.positive
    }

    /// nil without activations.
    package var mean: Double? { count > 0 ? sum / Double(count) : nil }
    /// The population's; nil without activations.
    package var deviation: Double? { count > 0 ? (squares / Double(count)).squareRoot() : nil }
    /// The share of activations above 0.
    package var active: Double? { count > 0 ? Double(positive) / Double(count) : nil }
}
