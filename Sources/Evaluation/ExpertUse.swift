import Datasets
import Networks
import Tensors

/// How often the routers of a mixture of experts choose each expert: at all positions of all samples, and by the class of the sample where the
/// data have classes.
package struct ExpertUse: Sendable {
    /// The experts of one block.
    package struct Block: Sendable, Equatable {
        /// The number of the block.
        package let block: Int
        /// The positions at which each expert is chosen.
        package fileprivate(set) var positions: [Int]
        /// The sum of each expert's weights at them.
        package fileprivate(set) var weights: [Double]
        /// The same positions by the class of the sample; empty where the data have no classes.
        package fileprivate(set) var classes: [Int: [Int]] = [:]
    }

    /// In the order of the blocks; those without experts are left out.
    package private(set) var blocks: [Block] = []
    /// All positions, and those of each class.
    package private(set) var positions = 0
    package private(set) var classPositions: [Int: Int] = [:]
    /// The nodes whose outputs the weights are.
    let nodes: [NodeID]

    /// - Returns: nil if the network is no mixture of experts.
    init?(_ network: Network) {
        var nodes: [NodeID] = []
        for (place, block) in network.anatomy.blocks.enumerated() {
            guard let experts = block.experts else { continue }
            nodes.append(experts.choice)
            blocks.append(
                Block(
                    block: place, positions: [Int](repeating: 0, count: experts.experts.count),
                    weights: [Double](repeating: 0, count: experts.experts.count)))
        }
        guard !nodes.isEmpty else { return nil }
        self.nodes = nodes
    }

    /// Counts a batch.
    ///
    /// - Parameters:
    ///   - run: has recorded ``nodes``.
    ///   - classes: of its samples; nil where the data have none.
    mutating func add(_ run: RecordedRun, classes: [Int]?) {
        for (place, node) in nodes.enumerated() {
            guard let weights = run[node], let samples = weights.shape.first else { preconditionFailure("no weights of experts") }
            let experts = weights.width
            let length = weights.rows / max(samples, 1)
            weights.withElements { elements in
                for row in 0..<samples * length {
                    let label = classes.map { $0[row / length] }
                    for expert in 0..<experts where elements[row * experts + expert] != 0 {
                        blocks[place].positions[expert] += 1
                        blocks[place].weights[expert] += Double(elements[row * experts + expert])
                        if let label {
                            blocks[place].classes[label, default: [Int](repeating: 0, count: experts)][expert] += 1
                        }
                    }
                }
            }
            guard place == 0 else { continue }
            positions += samples * length
            for label in classes ?? [] { classPositions[label, default: 0] += length }
        }
    }

    /// The same and another's counts.
    mutating func add(_ other: ExpertUse) {
        positions += other.positions
        classPositions.merge(other.classPositions, uniquingKeysWith: +)
        for (place, block) in other.blocks.enumerated() {
            for expert in block.positions.indices {
                blocks[place].positions[expert] += block.positions[expert]
                blocks[place].weights[expert] += block.weights[expert]
            }
            blocks[place].classes.merge(block.classes) { a, b in zip(a, b).map { $0 + $1 } }
        }
    }
}

extension SampleBatches {
    /// The classes of a batch's samples; nil for data without classes.
    func classes(_ place: Int) -> [Int]? {
        switch dataset.targets {
        case .labels(let labels), .answers(let labels): ranges[place].map { Int(labels[$0]) }
        case .nextToken, .masked, .numbers, .inputs, .none: nil
        }
    }
}
