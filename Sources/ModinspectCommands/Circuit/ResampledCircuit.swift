import Circuits

/// The results of the search on resampled pairs or samples.
struct ResampledCircuit: Encodable, Sendable {
    let resamples: Int
    /// The mean intersection over union with the circuit.
    let overlap: Double

    init(_ bootstrap: CircuitBootstrap) {
        resamples = bootstrap.resamples
        overlap = bootstrap.meanOverlap
    }
}
