/// Which tensors of a model no training changes.
///
/// Programs and settings of families say it. Where a graph does not, it is found from what reads each tensor, and from its numbers, when
/// somebody first asks: reading them may take longer than running the network.
final class FixedTensors: Sendable {
    private let find: @Sendable () -> Set<String>
    private let found = Derived<Set<String>>()

    /// - Parameter names: what is said.
    init(_ names: Set<String> = []) { find = { names } }

    init(finding find: @escaping @Sendable () -> Set<String>) { self.find = find }

    var names: Set<String> { found.value(find) }
}

extension Network {
    /// The names of tensors that the model has without having learned them: masks, tables of positions, buffers of a program. Running statistics
    /// are not among them.
    package var constants: [String] {
        let found = fixedParameters.subtracting(statistics.flatMap { [$0.mean, $0.variance] })
        return parameters.indices.filter { found.contains(ParameterID($0)) }.map { parameters[$0].name }
    }

    /// The parameters that the model has without having learned them, and that training leaves as they are.
    package var fixedParameters: Set<ParameterID> {
        let names = fixedTensors.names
        return Set(parameters.indices.lazy.filter { names.contains(parameters[$0].name) }.map(ParameterID.init))
    }
}
