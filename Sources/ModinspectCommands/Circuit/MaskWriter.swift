import Archives
import Checkpoints
import Circuits

/// Writes masks as Boolean numpy arrays in the tensors' own shapes: `TENSOR`, or `LABEL/TENSOR` where circuits have labels.
struct MaskWriter {
    private let stream: ResultStream

    init(_ path: String) throws { stream = ResultStream(try Destination(path: path)) }

    func write(_ circuits: [WeightPruning.Circuit]) throws {
        let archive = try ArchiveWriter(.zip) { try stream.write($0) }
        for circuit in circuits {
            let folder = circuit.objective.label.map { "\($0)/" } ?? ""
            for layer in circuit.mask.layers {
                let header = NPY.header(type: "|b1", shape: layer.shape)
                try archive.begin(name: folder + layer.name + ".npy", size: header.count + layer.isKept.count)
                let bytes = header + layer.isKept.map { $0 ? 1 : 0 }
                try bytes.withUnsafeBytes { try archive.write($0) }
            }
        }
        try archive.finish()
        try stream.finish()
    }
}
