/// A site of a network as it is listed.
package struct SiteDescription: Sendable, Equatable {
    /// The name, by which interventions find it.
    package let site: String
    /// The operation whose output it is.
    package let operation: String
    /// The number of its neurons: channels of images, heads of attention patterns.
    package let neurons: Int
}

extension Network {
    /// All sites in the order in which a run comes to them.
    ///
    /// - Throws: ``NetworkError`` where shapes do not go together for any batch.
    package func siteDescriptions() throws(NetworkError) -> [SiteDescription] {
        let shapes = try shapes(for: exampleBatch)
        return zip(nodes, shapes).map { node, shape in
            SiteDescription(site: node.site, operation: node.operation.name, neurons: NeuronPlaces(shape).neurons)
        }
    }

    /// A batch of a shape that the network can read, its images square; of 32x32 where no square up to 512x512 fits.
    package var exampleBatch: BatchShape {
        switch input {
        case .values(let shape):
            exampleImages(shape)
        case .tokens(_, let positions): .tokens(samples: 1, length: min(2, positions ?? 2))
        }
    }

    /// The sides of the usual data sets go before others.
    private func exampleImages(_ shape: [Int?]) -> BatchShape {
        func batch(_ side: Int) -> BatchShape { .values([1] + shape.map { $0 ?? side }) }
        guard shape.contains(nil) else { return batch(1) }
        for sides in [[32, 28, 224, 64], Array(1...512)] {
            if let side = sides.first(where: { (try? shapes(for: batch($0))) != nil }) { return batch(side) }
        }
        return batch(32)
    }
}
