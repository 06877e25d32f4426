import ArgumentParser
import Modularity

extension Measure: ExpressibleByArgument {}

extension Measure {
    /// Whether the text tables of `score` show the measure; the other formats always do.
    ///
    /// The first measures fill a terminal of 80 columns. Beside a null model there is room only for those that it is compared with.
    func isInText(hasNull: Bool) -> Bool {
        switch self {
        case .clusterability, .chance, .adjusted: true
        case .ncut, .modularity: !hasNull
        }
    }

    /// The measures of one direction as a list of names.
    static func names(_ direction: Direction) -> String {
        let names = allCases.filter { $0.direction == direction }.map(\.rawValue)
        return names.count < 2 ? names.joined() : names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1]
    }
}
