import Checkpoints

extension DatasetSource {
    /// The shape of a sample where the data itself has one: arrays, images, and token ids that are no text. nil for others, for standard input,
    /// which is read once, and for data that cannot be read, of which ``open()`` says why.
    package var sampleShape: SampleShape? {
        guard path != "-", context == nil, (try? ModularAddition(path)) == nil, let file = try? DataFile(path: path),
            let kind = try? file.kind(context: context)
        else { return nil }
        let arrays: ArrayData?
        switch kind {
        case .npz: arrays = try? ArrayData(npz: file)
        case .npy: arrays = try? ArrayData(npy: file, hasLabels: labels != nil)
        case .idx: arrays = try? ArrayData(idx: file)
        case .images: return SampleShape(CIFARBatch.shape.map(Optional.some), isOfTokens: false)
        case .flatTokens, .labelledText, .text, .pairs: return nil
        }
        guard let arrays, arrays.samples.shape.count > 1, !arrays.samples.shape.contains(0) else { return nil }
        return SampleShape(arrays.sampleShape.map(Optional.some), isOfTokens: arrays.isTokens)
    }
}
