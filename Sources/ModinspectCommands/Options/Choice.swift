import ArgumentParser
import Evaluation
import Interventions
import Modularity

/// Values that an option takes, each with a line of documentation that help and manual show.
protocol Choice: ExpressibleByArgument, CaseIterable, RawRepresentable<String> {
    var documentation: String { get }
}

extension Choice {
    /// `name: What it is. name: ...`, for the discussion of a command or an option.
    static var list: String { allCases.map { "\($0.rawValue): \($0.documentation)" }.joined(separator: " ") }
}

extension Measure: Choice {}
extension ClusteringMethod: Choice {}
extension BehaviourMetric: Choice {}
extension ClusterAblation.Reading: Choice {}
extension ClusterAblation.Fill: Choice {}
