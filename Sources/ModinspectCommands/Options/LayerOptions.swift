import ArgumentParser
import Checkpoints

/// Which weight matrices of a checkpoint are meant.
struct LayerOptions: ParsableArguments {
    @Option(
        name: .customLong("layers"),
        help: ArgumentHelp(
            "The weight matrices to take, by tensor name with *, ? and [...]; all for every matrix, !GLOB to leave some out.",
            discussion: """
                Repeatable, and a comma separates several. Prefixes such as module. and model. may be left out. Without this option: \
                for a transformer the MLP input matrix of every block; for a plain chain of layers every weight except the first \
                and the last; where that leaves none, all.
                """,
            valueName: "glob"))
    var lists: [String] = []

    /// The patterns of all the lists; a comma between brackets does not separate.
    var patterns: [String] { lists.flatMap(Self.split) }

    mutating func validate() throws {
        guard lists.allSatisfy({ list in Self.split(list).allSatisfy { !$0.isEmpty && $0 != "!" } }) else {
            throw ValidationError("--layers has an empty pattern")
        }
    }

    static func split(_ list: String) -> [String] {
        var patterns = [""]
        var isInBrackets = false
        for character in list {
            if character == ",", !isInBrackets {
                patterns.append("")
                continue
            }
            if character == "[" { isInBrackets = true }
            if character == "]" { isInBrackets = false }
            patterns[patterns.count - 1].append(character)
        }
        return patterns
    }

    /// The layers of a checkpoint that the options name.
    func select(from catalog: LayerCatalog, path: String) throws -> [Layer] {
        do {
            return try catalog.select(patterns)
        } catch {
            throw CheckpointError(path: path, problem: error.description)
        }
    }
}
