import Text

/// Samples are computed independently of each other, whatever a batch holds.
extension GraphConversion {
    static let mixingProblem = "mixes the samples of a batch"
    static let movingProblem = "moves numbers from one sample to another"
    static let orderProblem = "reads samples that are in different orders"
    static let outputProblem = "the graph's output has no entry for each sample"
    /// What is wrong with graphs whose samples depend on each other, whatever their size.
    static let sampleProblems: Set<String> = [mixingProblem, movingProblem, orderProblem, outputProblem]

    /// Refuses an operation that joins or picks entries of a dimension whose length grows with the batch: what it made of a sample would depend
    /// on the others of its batch.
    func checkThatSamplesStayApart(_ operation: any Operation, _ inputs: [String]) throws(Problem) {
        for (place, input) in inputs.enumerated() {
            guard let shapes = shapesOfSites[input], let rank = shapes.first?.count, shapes.allSatisfy({ $0.count == rank }) else {
                continue
            }
            for axis in operation.joinedDimensions(ofInput: place, rank: rank) where (0..<rank).contains(axis) {
                let lengths = shapes.map { $0[axis] }
                guard case .number(_, perSample: true, _, _)? = ShapeTemplate.Length(lengths, probes) else { continue }
                let batches = zip(lengths, probes).map { "\($0) for \($1.samples) samples" }
                throw Problem(
                    Self.mixingProblem, expected: "dimensions that do not depend on their number",
                    found: "a length of " + batches.prefix(2).joined(separator: ", "))
            }
        }
    }
}
