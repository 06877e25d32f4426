import Text

/// A site of a network in a listing.
package struct SiteDescription: Sendable, Equatable {
    /// The name, by which interventions find it.
    package let site: String
    /// The operation whose output it is.
    package let operation: String
    /// The number of its neurons: channels of images, heads of attention patterns.
    package let neurons: Int
}

extension Network {
    /// All sites in the order in which a run comes to them, but those of ``nodesWithoutSamples``.
    ///
    /// - Throws: ``Problem`` if shapes do not go together for any batch.
    package func siteDescriptions() throws(Problem) -> [SiteDescription] {
        let shapes = try exampleShapes()
        let lacking = nodesWithoutSamples
        let dimensions = neuronDimensions
        return nodes.indices.compactMap { place in
            if lacking.contains(NodeID(place)) { return nil }
            return SiteDescription(
                site: nodes[place].site, operation: nodes[place].operation.name,
                neurons: dimensions.places(of: NodeID(place), in: shapes[place]).neurons)
        }
    }

    /// The nodes whose output has no entry for each sample: constants, masks, and what has another dimension first.
    package var nodesWithoutSamples: Set<NodeID> {
        guard let one = try? exampleShapes(), let several = try? shapes(for: exampleBatch.with(samples: 3)) else { return [] }
        return Set(nodes.indices.lazy.filter { one[$0].first != 1 || several[$0].first != 3 }.map(NodeID.init))
    }

    func fittingBatch() -> BatchShape {
        switch input {
        case .values(let shape):
            exampleImages(shape)
        case .tokens(_, let positions): .tokens(samples: 1, length: fixedLength ?? max(shortestLength ?? 1, min(2, positions ?? 2)))
        }
    }

    /// The sides of common data sets come first.
    private func exampleImages(_ shape: [Int?]) -> BatchShape {
        func batch(_ side: Int) -> BatchShape { .values([1] + shape.map { $0 ?? side }) }
        guard shape.contains(nil) else { return batch(1) }
        if shape.count == 3, shape[0] == nil {
            for channels in [1, 3] {
                for side in [28, 32, 8, 64, 224] {
                    let images = BatchShape.values([1, channels, side, side])
                    if (try? shapes(for: images)) != nil { return images }
                }
            }
        }
        for sides in [[32, 28, 224, 64], Array(1...512)] {
            if let side = sides.first(where: { (try? shapes(for: batch($0))) != nil }) { return batch(side) }
        }
        return oblongImages(shape) ?? batch(32)
    }

    /// Images of other sides, of few channels where those are open: what pools and flattening leave for a linear layer need be no square.
    private func oblongImages(_ shape: [Int?]) -> BatchShape? {
        guard shape.count == 3 else { return nil }
        for channels in shape[0].map({ [$0] }) ?? [1, 3] {
            for rows in 1...40 {
                for columns in 1...40 {
                    let batch = BatchShape.values([1, channels, shape[1] ?? rows, shape[2] ?? columns])
                    if (try? shapes(for: batch)) != nil { return batch }
                }
            }
        }
        return nil
    }
}

extension BatchShape {
    /// The same with another number of samples.
    fileprivate func with(samples: Int) -> BatchShape {
        switch self {
        case .values(let shape): .values([samples] + shape.dropFirst())
        case .tokens(_, let length): .tokens(samples: samples, length: length)
        }
    }
}
