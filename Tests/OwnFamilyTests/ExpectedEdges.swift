import Circuits
import Testing

/// Expects the edges of an experiment, each patched alone and by attribution, to be those that PyTorch's hooks gave.
///
/// - Parameters:
///   - edges: the names, in the order of the values.
///   - exact: the effect of each edge patched alone.
///   - eap: the effect of each edge to first order.
func expectEdges(of experiment: EdgeExperiment, edges: [String], exact: [Double], eap: [Double]) throws {
    let names = (0..<experiment.graph.edgeCount).map(experiment.graph.name)
    #expect(Set(names) == Set(edges) && names.count == edges.count)
    for (found, wanted) in [
        (try ExactPatching(experiment).scores().means, exact), (try EdgeAttribution(experiment).scores().means, eap),
    ] {
        let wanted = Dictionary(uniqueKeysWithValues: zip(edges, wanted))
        let scale = wanted.values.map(abs).max() ?? 0
        #expect(scale > 0.01)
        for (name, value) in zip(names, found) {
            let other = try #require(wanted[name])
            #expect(abs(value - other) <= 1e-4 * scale, "\(name): \(value) for \(other)")
        }
    }
}
