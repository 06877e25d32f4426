import ArgumentParser
import Modularity

extension Measure: ExpressibleByArgument {}

extension Measure {
    /// The measure in a row of the scores.
    func value(of row: ScoredLayer) -> Double? {
        switch self {
        case .clusterability: row.clusterability
        case .chance: row.chance
        case .adjusted: row.adjusted
        case .ncut: row.ncut
        case .modularity: row.modularity
        }
    }
}
