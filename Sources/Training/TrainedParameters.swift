import Checkpoints
import Networks
import Tensors
import Text

/// The parameters of a network that a run changes.
package struct TrainedParameters: Sendable, Equatable {
    /// In the network's order.
    package let parameters: [ParameterID]
    /// The names of those that the file says training leaves as they are.
    package let kept: [String]
    /// Whether they are trained, as nothing else is left.
    package let trainsKept: Bool

    /// The given ones.
    init(_ parameters: [ParameterID]) { (self.parameters, kept, trainsKept) = (parameters, [], false) }

    /// All that the network has learned but what the patterns leave out. Running statistics are measured, not learned, and constants of a
    /// model are neither.
    ///
    /// - Parameters:
    ///   - only: patterns of tensor names, one of which a parameter must match; all parameters where empty.
    ///   - kept: the tensors that training leaves as they are, as their file says, unless `only` names them or they are all that there is.
    ///   - frozen: patterns of the names of tensors that do not change.
    /// - Throws: ``Problem`` for a pattern that matches nothing, and if nothing is left.
    package init(of network: Network, only: [String] = [], frozen: [String] = [], kept: Set<String> = []) throws(Problem) {
        let measured = Set(network.statistics.flatMap { [$0.mean, $0.variance] })
        let fixed = network.fixedParameters
        let learned = network.parameters.indices.map(ParameterID.init).filter { !measured.contains($0) && !fixed.contains($0) }
        func matching(_ patterns: [String], _ setting: Setting) throws(Problem) -> Set<ParameterID> {
            var found: Set<ParameterID> = []
            for pattern in patterns {
                let glob = GlobPattern(pattern)
                let matches = learned.filter { network.names(of: $0).contains(where: glob.matches) }
                guard !matches.isEmpty else {
                    let names = learned.prefix(3).map { "'\(network.parameters[$0.index].name)'" }.joined(separator: ", ")
                    throw Problem(
                        "no parameter matches '\(pattern)'", setting: setting, expected: "a pattern of names such as \(names)")
                }
                found.formUnion(matches)
            }
            return found
        }
        let wanted = try matching(only, .trainedParameters)
        let left = try matching(frozen, .frozenParameters)
        let said = learned.filter { parameter in
            only.isEmpty
                && (kept.contains(network.parameters[parameter.index].tensorName)
                    || network.names(of: parameter).contains(where: kept.contains))
        }
        self.kept = said.map { network.parameters[$0.index].name }
        trainsKept = said.count == learned.count
        let ignored = trainsKept ? left : left.union(said)
        parameters = learned.filter { (only.isEmpty || wanted.contains($0)) && !ignored.contains($0) }
        guard !parameters.isEmpty else { throw Problem("no parameter is left to train") }
    }
}

/// The layout of the trained parameters in one buffer, so that a step of an optimiser is one pass.
struct ParameterLayout: Sendable {
    private let places: [(parameter: ParameterID, offset: Int, shape: [Int])]
    /// The number of elements, those between parameters among them.
    let size: Int

    /// Each parameter begins at a multiple of this many elements.
    private static let alignment = 16

    init(_ network: Network, _ trained: TrainedParameters) {
        var places: [(ParameterID, Int, [Int])] = []
        var size = 0
        for parameter in trained.parameters {
            let shape = network.parameters[parameter.index].shape
            places.append((parameter, size, shape))
            size += (shape.reduce(1, *) + Self.alignment - 1) / Self.alignment * Self.alignment
        }
        self.places = places
        self.size = size
    }

    /// Memory for all parameters, filled with zeros.
    func zeros() -> MutableTensor { .zeros([size]) }

    /// The parameters in such memory.
    func tensors(in memory: MutableTensor) -> [ParameterID: MutableTensor] {
        places.reduce(into: [:]) { found, place in found[place.parameter] = memory.view(at: place.offset, shape: place.shape) }
    }
}
