import Checkpoints
import Datasets

extension FoundCheckpoint {
    /// What identifies the state of the files without reading them: the paths from the folder that holds it, the sizes and the
    /// times.
    package var fingerprint: String {
        var digest = ContentDigest()
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        for file in files {
            let name = file.path.hasPrefix(folder) ? String(file.path.dropFirst(folder.count)) : file.path
            var text = "\(name)\0\(file.size)\0\(file.modified)\n"
            text.withUTF8 { digest.update(UnsafeRawBufferPointer($0)) }
        }
        return String(digest.hexadecimal.prefix(32))
    }
}
