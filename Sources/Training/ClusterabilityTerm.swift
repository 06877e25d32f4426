import Checkpoints
import Modularity
import Networks
import Tensors
import Text

/// The term that training adds to the cross-entropy: -lambda * the mean of C over the layers (Golechha et al., arXiv 2502.02470).
///
/// With W [out, in] and the labels u and v, C = sum W_ij^2 [u_i = v_j] / sum W_ij^2, and so dC/dW_ij = 2 W_ij ([u_i = v_j] - C) / sum W^2.
/// A convolution's matrix is the norms of its kernels: each element of a kernel has the gradient of that formula with its own weight.
package struct ClusterabilityTerm: Sendable {
    /// One layer with its clusters, in the order of the tensor's elements.
    struct Member: Sendable {
        let name: String
        let parameter: ParameterID
        let squares: LabelledSquares
    }

    package let lambda: Double
    /// The clusters of each layer.
    package let clusterings: [LayerClustering]
    let members: [Member]

    /// - Throws: ``Problem`` for a layer that the network does not read, and for clusters that do not fit one.
    package init(lambda: Double, layers: [(layer: Layer, clustering: LayerClustering)], network: Network) throws(Problem) {
        self.lambda = lambda
        clusterings = layers.map(\.clustering)
        var members: [Member] = []
        for (layer, clustering) in layers {
            let subject = "tensor '\(layer.name)'"
            guard let parameter = network.parameter(named: layer.name) else {
                throw Problem("the network does not read it", subject: subject)
            }
            let (out, input) = (clustering.outLabels, clustering.inLabels)
            guard out.count == layer.outNeurons, input.count == layer.inNeurons else {
                throw Problem(
                    "the clusters do not fit the layer", subject: subject,
                    expected: "\(layer.outNeurons) out- and \(layer.inNeurons) in-neurons", found: "\(out.count) and \(input.count)")
            }
            members.append(
                Member(name: layer.name, parameter: parameter, squares: LabelledSquares(layer.layout, out: out.values, in: input.values)))
        }
        self.members = members
    }

    /// The names of the layers.
    package var layers: [String] { members.map(\.name) }

    /// C of every layer; nil for a matrix of zeros.
    package func clusterability(_ parameters: ParameterValues, team: Team) -> [Double?] { sums(parameters, team: team).map(\.share) }

    func sums(_ parameters: ParameterValues, team: Team) -> [LabelledSquares.Sums] {
        members.map { $0.squares.sums(of: parameters[$0.parameter], team: team) }
    }

    /// -lambda * mean C; a matrix of zeros adds nothing.
    func loss(_ sums: [LabelledSquares.Sums]) -> Double {
        guard !sums.isEmpty else { return 0 }
        return -lambda * sums.reduce(0) { $0 + ($1.share ?? 0) } / Double(sums.count)
    }

    /// Adds the term's gradient to the gradients of its layers, as far as they have any.
    func addGradient(_ sums: [LabelledSquares.Sums], _ parameters: ParameterValues, to gradients: [ParameterID: MutableTensor], team: Team)
    {
        guard lambda != 0 else { return }
        for (member, sums) in zip(members, sums) {
            guard let gradient = gradients[member.parameter], let share = sums.share else { continue }
            let factor = -lambda / Double(members.count) * 2 / sums.total
            member.squares.addMultiples(
                of: parameters[member.parameter], inside: Float(factor * (1 - share)), outside: Float(-factor * share), to: gradient,
                team: team)
        }
    }
}

extension LabelledSquares {
    /// The labels of a matrix's neurons in the order of the stored tensor's elements.
    init(_ layout: MatrixLayout, out: [Int], in input: [Int]) {
        switch layout {
        case .asStored: self.init(rows: out, places: input)
        case .convolution(_, _, let kernel): self.init(rows: out, places: input.flatMap { Array(repeating: $0, count: kernel) })
        case .transposed(let blocks, _, _):
            self.init(rows: (0..<blocks).flatMap { _ in input }, places: out, blocks: blocks)
        case .transposedConvolution(let filters):
            self.init(
                rows: (0..<filters.groups).flatMap { _ in input }, places: out.flatMap { Array(repeating: $0, count: filters.kernel) },
                blocks: filters.groups)
        }
    }
}
