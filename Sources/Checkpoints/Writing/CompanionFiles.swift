import Archives
import Text

extension CheckpointDraft {
    /// The tokenizer's files and the settings in the folder of `path`, by name, without the modinspect.json of another model.
    ///
    /// - Throws: ``Problem`` for one that cannot be read.
    package static func files(beside path: String) throws -> [String: ByteRegion] {
        var files = try CheckpointOpener(path: path, options: .init()).neighbours()
        files["modinspect.json"] = nil
        files[TrainingProgress.fileName] = nil
        for name in files.keys where name == Companions.modules || Companions.isOfModule(name) { files[name] = nil }
        return files
    }
}
