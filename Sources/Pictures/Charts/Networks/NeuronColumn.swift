/// The neurons on one side of a layer, as a column of a drawing.
package struct NeuronColumn: Hashable, Sendable {
    /// What the column is called: the layer, or `in` and `out`.
    package var name: String
    /// The cluster of each neuron; a negative number for none.
    package var clusters: [Int]

    package init(_ name: String, clusters: [Int]) {
        self.name = name
        self.clusters = clusters
    }
}

/// Where the neurons of a column lie from top to bottom: one cluster after the other, those without one last, each in the order of their numbers.
struct ColumnPlaces {
    /// Neurons of one cluster.
    struct Group {
        let cluster: Int
        let count: Int
        /// From the first neuron's upper to the last one's lower edge.
        let top: Double
        let bottom: Double
    }

    let groups: [Group]
    /// The middle of each neuron, by its number.
    let middles: [Double]
    /// The height that each neuron has.
    let step: Double

    /// A neuron is drawn by itself where it has so many pixels.
    static let leastStep = 2.6

    init(_ column: NeuronColumn, height: Double) {
        let clusters = column.clusters
        let order = clusters.indices.sorted {
            let (first, second) = (clusters[$0], clusters[$1])
            if (first < 0) != (second < 0) { return second < 0 }
            return first == second || (first < 0 && second < 0) ? $0 < $1 : first < second
        }
        var runs: [(cluster: Int, members: ArraySlice<Int>)] = []
        var start = 0
        for place in order.indices where place + 1 == order.count || key(order[place]) != key(order[place + 1]) {
            runs.append((key(order[place]), order[start...place]))
            start = place + 1
        }
        func key(_ neuron: Int) -> Int { max(clusters[neuron], -1) }
        let gap = runs.count > 1 ? min(7, 0.2 * height / Double(runs.count - 1)) : 0
        let room = height - gap * Double(max(runs.count - 1, 0))
        // Few neurons stand no further apart than this, in the middle of the height.
        let step = min(14, room / Double(max(clusters.count, 1)))
        var y = (height - gap * Double(max(runs.count - 1, 0)) - step * Double(clusters.count)) / 2
        var middles = [Double](repeating: 0, count: clusters.count)
        var groups: [Group] = []
        for run in runs {
            let top = y
            for neuron in run.members {
                middles[neuron] = y + step / 2
                y += step
            }
            groups.append(Group(cluster: run.cluster, count: run.members.count, top: top, bottom: y))
            y += gap
        }
        self.groups = groups
        self.middles = middles
        self.step = step
    }
}
