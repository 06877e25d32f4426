/// The clusters of one side of a layer: a number of at least 0 for each neuron, or ``Labels/none`` for one that is in no cluster.
package struct Labels: Sendable, Equatable {
    /// The label of a neuron without a cluster: one without weights, which no method can place.
    package static let none = -1

    package let values: [Int]

    /// - Parameter values: numbers of at least 0, or ``none``.
    package init(_ values: [Int]) {
        precondition(values.allSatisfy { $0 >= Self.none }, "labels start at 0")
        self.values = values
    }

    package var count: Int { values.count }
    package subscript(neuron: Int) -> Int { values[neuron] }

    /// One more than the largest label.
    package var clusterCount: Int { (values.max() ?? Self.none) + 1 }
    /// The number of neurons in no cluster.
    package var isolatedCount: Int { values.count { $0 == Self.none } }

    /// The number of neurons in each of `clusters` clusters.
    package func sizes(clusters: Int) -> [Int] {
        var sizes = [Int](repeating: 0, count: clusters)
        for label in values where label >= 0 { sizes[label] += 1 }
        return sizes
    }

    /// The labels renamed by `names`, label c becoming names[c].
    package func renamed(_ names: [Int]) -> Labels {
        Labels(values.map { $0 == Self.none ? Self.none : names[$0] })
    }

    /// Contiguous blocks: cluster i is the i-th run of `count / clusters` neurons, the remainder joins the last one.
    package static func contiguous(count: Int, clusters: Int) -> Labels {
        precondition(clusters > 0, "\(clusters) clusters")
        let size = max(count / clusters, 1)
        return Labels((0..<count).map { min($0 / size, clusters - 1) })
    }

    /// New names 0, 1, ... for clusters in the order of their first occurrence in `sides`.
    static func namesByAppearance(_ sides: Labels..., clusters: Int) -> [Int] {
        var names = [Int](repeating: -1, count: clusters)
        var next = 0
        for side in sides {
            for label in side.values where label >= 0 && names[label] < 0 {
                names[label] = next
                next += 1
            }
        }
        for label in names.indices where names[label] < 0 {
            names[label] = next
            next += 1
        }
        return names
    }
}
