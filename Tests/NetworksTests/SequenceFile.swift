import Checkpoints
import Tensors
import TestSupport

@testable import Networks

/// PyTorch's values for operations on sequences.
enum SequenceFile {
    static let name = "sequence.safetensors"

    static func numbers(_ tensor: String) throws -> [Float] {
        try Checkpoint.open(Fixtures.path("operations/\(name)"))[tensor]?.floats() ?? []
    }
}
