import Archives
import Checkpoints
import Text

/// Graphs for samples of a shape that their files leave open.
extension ONNXNetwork {
    /// What is wrong with a shape that is not the file's own.
    static let contradiction = "contradicts the shape of samples that the file gives"

    /// The same graph for samples of a shape.
    ///
    /// - Parameter isOpen: whether the file says nothing of the shape, whatever its graph has.
    /// - Throws: ``Problem`` for a shape that is not the file's own, as far as it gives one, and for graphs that are damaged.
    static func graph(_ graph: ByteRegion, for samples: SampleShape, isOpen: Bool) throws(Problem) -> ByteRegion {
        let model = try ONNXModel(graph)
        // Of several inputs, or other types, it is said when the graph is read why they are not run.
        guard let value = samplesInput(of: model), value.isTensor else { return graph }
        let own = value.shape.flatMap { $0.isEmpty ? nil : Array($0.dropFirst()) }
        let isFitting = own.map { own in
            own.count == samples.lengths.count
                && zip(own, samples.lengths).allSatisfy { own, said in own == nil || said == nil || own == said }
        }
        guard isFitting != false, samples.isOfTokens != true || value.type.isWhole else {
            throw Problem(
                contradiction, subject: "input '\(value.name)'", expected: SampleShape.words(own ?? []), found: samples.description)
        }
        let lengths = own.map { zip($0, samples.lengths).map { $0 ?? $1 } } ?? samples.lengths
        guard isOpen || own != lengths else { return graph }
        if value.type.isWhole, lengths.count == 1 {
            guard let length = lengths[0] else { return graph }
            return try ONNXFile.fixing(length: length, in: graph)
        }
        return try ONNXFile.fixing(samples: lengths, ofInput: value.name, in: graph)
    }
}

extension Network {
    /// Whether it reads samples of a shape as far as that is said.
    func reads(_ shape: SampleShape) -> Bool {
        let own: [Int?] =
            switch input {
            case .values(let lengths): lengths
            case .tokens: [fixedLength]
            }
        return own.count == shape.lengths.count
            && zip(own, shape.lengths).allSatisfy { own, said in own == nil || said == nil || own == said }
    }

    /// Whether data of a shape can be run, perhaps flattened.
    func takes(_ shape: SampleShape) -> Bool {
        guard shape.isOfTokens != true else { return reads(shape) }
        let lengths = shape.lengths.compactMap(\.self)
        return lengths.count == shape.lengths.count && (try? sampleShape(for: lengths)) != nil
    }
}

extension Checkpoint {
    /// The same model whose graph reads samples of a shape.
    ///
    /// - Throws: ``Problem`` for a shape that is not the file's own, and if the code of a script does not run on it.
    func reading(_ samples: SampleShape) throws(Problem) -> Checkpoint {
        let read = try readingCode(for: samples)
        guard let graph = read.graph else { return read }
        return read.with(graph: try ONNXNetwork.graph(graph, for: samples, isOpen: hasCodeForAnyShape))
    }
}
