import Circuits

/// What became of a circuit with other pairs or samples.
struct ResampledCircuit: Encodable, Sendable {
    let resamples: Int
    /// The mean intersection over union with the circuit.
    let overlap: Double

    init(_ bootstrap: CircuitBootstrap) {
        resamples = bootstrap.resamples
        overlap = bootstrap.meanOverlap
    }
}
