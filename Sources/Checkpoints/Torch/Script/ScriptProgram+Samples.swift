import Archives
import Text

/// Code that is read for samples of a shape, of which the archive says nothing.
extension ScriptProgram {
    /// The graph of a script's code for samples of a shape.
    ///
    /// - Parameters:
    ///   - reading: an earlier reading of the code, by which the checkpoint has its weights.
    /// - Throws: ``Problem`` that names the first construct or operation that is not run.
    static func graph(
        of module: ScriptModule, code: @escaping (String) -> String?, constants: [ScriptValue], samples: SampleShape,
        tensors: [TensorRecord], kept: Set<String>, reading: Reading
    ) throws(Problem) -> ByteRegion {
        /// - Parameter keepsLength: whether sequences of tokens have the length that was said.
        func program(_ dtype: DType, keepsLength: Bool = false) throws(Problem) -> TorchExportGraph {
            var program = ScriptProgram(code, constants, tensors, isFrozen: module.isFrozen, kept: kept)
            program.givenNames = reading.names
            program.dividesWeights = !reading.divided.isEmpty || !reading.made.isEmpty
            program.keepsLength = keepsLength
            return try program.run(module, [([nil] + samples.lengths, dtype)])
        }
        let weights = reading.weights(tensors)
        if samples.lengths.count == 1, samples.isOfTokens != false {
            // Nobody said that a list is one of tokens: then the code must look them up.
            for keepsLength in [false, true] {
                guard let graph = try? program(.i64, keepsLength: keepsLength), samples.isOfTokens == true || graph.looksSamplesUp else {
                    continue
                }
                return try TorchExportConversion.graph(of: graph, tensors: weights)
            }
        }
        return try TorchExportConversion.graph(of: program(samples.isOfTokens == true ? .i64 : .f32), tensors: weights)
    }
}

extension TorchExportGraph {
    /// Whether the samples are entries of a table.
    var looksSamplesUp: Bool {
        nodes.contains { node in
            node.name == "embedding" && node.inputs.contains { $0.name == "indices" && $0.value.tensor == userInputs.first }
        }
    }
}
