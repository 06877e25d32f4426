import ArgumentParser
import Modularity

/// How neurons are put into clusters.
struct ClusteringOptionGroup: ParsableArguments {
    @Option(
        name: .customShort("k"),
        help: ArgumentHelp(
            "The number of clusters, or auto; score also takes a range (2-14) or a list (2,4,8).",
            discussion: """
                auto chooses the number from 2 to 16 that is followed by the largest gap in the singular values (with gradient and \
                activations, in the eigenvalues of both sides). Without this option: 4.
                """, valueName: "n"))
    var counts: ClusterCounts?

    @Option(
        help: ArgumentHelp(
            "How clusters are found.",
            discussion: "\(ClusteringMethod.list) Without this option: \(ClusteringMethod.standard.rawValue)."))
    var method: ClusteringMethod?

    @Flag(
        name: .customLong("no-align"),
        help: "With bsgc, gradient and activations: do not pair the clusters of the two sides, as in published figures.")
    var leavesUnaligned = false

    @Flag(
        name: .customLong("chain"), help: "The in-neurons of a layer keep the clusters that they have as out-neurons of the previous layer."
    )
    var isChained = false

    mutating func validate() throws {
        if leavesUnaligned, method != .bsgc, method?.readsData != true {
            throw ValidationError("--no-align requires --method bsgc, gradient or activations")
        }
        if method?.clustersRouters == true, counts != nil {
            throw ValidationError("-k cannot be combined with --method experts, whose clusters are the experts")
        }
        if isChained, method?.clustersRouters == true { throw ValidationError("--chain cannot be combined with --method experts") }
        if isChained, method == .network { throw ValidationError("--chain cannot be combined with --method network, which always chains") }
    }

    /// Whether any of the options was given.
    var isGiven: Bool { counts != nil || method != nil || leavesUnaligned || isChained }

    var clusterCounts: [ClusterCount] {
        switch counts {
        case .auto: [.automatic]
        case .counts(let counts): counts.map(ClusterCount.fixed)
        case nil: [.fixed(4)]
        }
    }

    func clusteringOptions(seed: UInt64) -> ClusteringOptions {
        ClusteringOptions(
            method: method ?? .standard, alignment: leavesUnaligned ? .unaligned : .aligned,
            coupling: isChained ? .chained : .independent, seed: seed)
    }

    /// The method's name in reports, with what was changed about it.
    var methodName: String {
        var name = (method ?? .standard).rawValue
        if leavesUnaligned { name += ", unaligned" }
        if isChained { name += ", chained" }
        return name
    }
}
