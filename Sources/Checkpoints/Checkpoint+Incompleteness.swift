import Glibc
import Text

extension Checkpoint {
    /// Why this is not the whole model: files of it are not there or cannot be opened, as shards that an index names; nil if none are missing.
    ///
    /// What is there can be read all the same.
    package var incompleteness: Problem? {
        var files: [(path: String, tensors: Int)] = []
        var places: [String: Int] = [:]
        for tensor in unreadable {
            guard let missing = tensor.problem.path, missing != path else { continue }
            if let place = places[missing] {
                files[place].tensors += 1
            } else if access(missing, R_OK) != 0 {
                places[missing] = files.count
                files.append((missing, 1))
            }
        }
        guard let first = files.first else { return nil }
        let missing = files.reduce(0) { $0 + $1.tensors }
        return Problem(
            "is incomplete", path: path, expected: ByteText.counted(tensors.count + missing, "tensor"),
            found: "\(ByteText.grouped(tensors.count)) without those in "
                + (files.count > 1 ? "\(files.count) files, of which the first is " : "") + (first.path.split(separator: "/").last ?? ""))
    }
}
