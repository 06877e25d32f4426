import ArgumentParser
import Evaluation
import Interventions
import Modularity

/// The values of an option, each with a line of documentation for help and manual.
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
