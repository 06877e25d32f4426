extension Network {
    /// The names of tensors that the model has without having learned them: masks, tables of positions, buffers of a program. Running statistics
    /// are not among them.
    package var constants: [String] {
        let measured = Set(statistics.flatMap { [$0.mean, $0.variance] })
        return parameters.indices.filter { parameters[$0].isFixed && !measured.contains(ParameterID($0)) }.map { parameters[$0].name }
    }
}
