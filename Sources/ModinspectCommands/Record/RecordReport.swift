import Checkpoints
import Interventions
import Text

/// What a recording holds: the content of `record.json` beside the arrays.
struct RecordReport: Encodable {
    static let schema = "modinspect.record/1"
    static let fileName = "record.json"

    /// The data as the user named it.
    let data: String
    /// The number of samples, or of pairs.
    let samples: Int
    /// Whether the data are pairs of a clean and a corrupted prompt.
    let pairs: Bool
    /// The positions that were asked for; nil for all.
    let position: String?
    /// The token that was asked for; nil for any.
    let token: Int?
    let arrays: [RecordedArrayRow]
}

/// An array of a recording.
struct RecordedArrayRow: ColumnRow {
    let name: String
    let file: String
    let site: String?
    let type: String
    let shape: [Int]

    static let columns: [Column<RecordedArrayRow>] = [
        .text("name", "The array's name in an npz.") { $0.name },
        .text("file", "Its file in a directory.") { $0.file },
        .text("site", "The site whose activations it holds; missing for what is written beside them.") { $0.site },
        .text("type", "`float32`, `int32` or `int64`.") { $0.type },
        .shape("shape", "Its dimensions, samples or rows first.") { $0.shape },
    ]

    init(_ array: RecordedArray, file: String) {
        name = array.name
        self.file = file
        site = array.site
        type = "\(array.element)"
        shape = array.shape
    }
}

/// The names of the files of a recording: those of the arrays, with what a folder cannot hold or a shell would read otherwise as `_`.
enum RecordedNames {
    private static let longest = 200

    static func files(_ names: [String]) -> [String] {
        var seen: Set<String> = [RecordReport.fileName]
        return names.map { name in
            var safe = String(
                name.unicodeScalars.prefix(longest).map { scalar -> Character in
                    let isWord = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                    let isSafe = isWord || "._-".unicodeScalars.contains(scalar)
                    return isSafe ? Character(scalar) : "_"
                })
            if safe.isEmpty || safe.hasPrefix(".") || safe.hasPrefix("-") { safe = "_" + safe }
            var unique = safe
            var number = 2
            // Names of files may differ in case alone, which some file systems do not see.
            while !seen.insert(unique.lowercased()).inserted {
                unique = safe + "_\(number)"
                number += 1
            }
            return unique + ".npy"
        }
    }
}
