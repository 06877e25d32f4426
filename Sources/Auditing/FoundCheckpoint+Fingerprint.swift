import Datasets

extension FoundCheckpoint {
    /// What identifies the state of the files without reading them: the names from the checkpoint's path on, the sizes and the times.
    package var fingerprint: String {
        var digest = ContentDigest()
        for file in files {
            let name = file.path.hasPrefix(path) ? String(file.path.dropFirst(path.count)) : file.path
            var text = "\(name)\0\(file.size)\0\(file.modified)\n"
            text.withUTF8 { digest.update(UnsafeRawBufferPointer($0)) }
        }
        return String(digest.hexadecimal.prefix(32))
    }
}
