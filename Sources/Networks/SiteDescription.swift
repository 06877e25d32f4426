/// A site of a network as it is listed.
public struct SiteDescription: Sendable, Equatable {
    /// The name, by which interventions find it.
    public let site: String
    /// The operation whose output it is.
    public let operation: String
    /// The number of its neurons: channels of images, heads of attention patterns.
    public let neurons: Int
}

extension Network {
    /// All sites in the order in which a run comes to them.
    ///
    /// - Throws: ``NetworkError`` where shapes do not go together for any batch.
    public func siteDescriptions() throws(NetworkError) -> [SiteDescription] {
        let shapes = try shapes(for: exampleBatch)
        return zip(nodes, shapes).map { node, shape in
            SiteDescription(site: node.site, operation: node.operation.name, neurons: NeuronPlaces(shape).neurons)
        }
    }

    /// A batch of a shape that the network can read; sides that the model leaves open are 32.
    public var exampleBatch: BatchShape {
        switch input {
        case .values(let shape): .values([1] + shape.map { $0 ?? 32 })
        case .tokens(_, let positions): .tokens(samples: 1, length: min(2, positions ?? 2))
        }
    }
}
