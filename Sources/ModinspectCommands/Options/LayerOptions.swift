import Text
import ArgumentParser
import Checkpoints
import Scoring

/// The weight matrices that are selected by default, in words.
protocol DefaultLayers {
    static var words: String { get }
}

/// Those that the model's kind suggests.
enum ModelLayers: DefaultLayers {
    static let words =
        "the MLP input matrix of every block of a transformer, or every weight of a plain chain of layers except the first and the "
        + "last (all of them if none are left). Tables, routers, depthwise convolutions and matrices of one row or column are left "
        + "out unless there is nothing else."
}

/// Those of the file of clusters that the command needs.
enum FileLayers: DefaultLayers {
    static let words = "every layer in the file of --clusters."
}

/// Those of a file of clusters if there is one.
enum FileOrModelLayers: DefaultLayers {
    static let words = "with --clusters, the layers in its file; otherwise, " + ModelLayers.words
}

/// Which weight matrices of a checkpoint are meant.
struct LayerOptions<Default: DefaultLayers>: ParsableArguments, LayerChoice {
    @Option(
        name: .customLong("layers"),
        help: ArgumentHelp(
            "The weight matrices to use, by tensor name with *, ? and [...]; all for every matrix, !GLOB to exclude some.",
            discussion: """
                Repeatable; several globs can be separated by commas. Prefixes such as module. and model. may be left out, and the end \
                of a name, such as fc2.weight, is enough if only one layer has it. Without this option: \(Default.words)
                """,
            valueName: "glob"))
    var lists: [String] = []

    /// The patterns of all the lists; a comma between brackets does not separate.
    var patterns: [String] { lists.flatMap(GlobList.split) }

    mutating func validate() throws {
        guard lists.allSatisfy({ list in GlobList.split(list).allSatisfy { !$0.isEmpty && $0 != "!" } }) else {
            throw ValidationError("--layers has an empty pattern")
        }
    }
}

/// A list of patterns in the syntax of an option.
enum GlobList {
    /// The patterns between the commas; a comma between brackets does not separate.
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
}

/// Weight matrices that are selected by patterns, or by default if there are none.
protocol LayerChoice {
    var patterns: [String] { get }
}

extension LayerChoice {
    /// The layers of a checkpoint that the options name.
    func select(from catalog: LayerCatalog, path: String, _ diagnostics: Diagnostics? = nil, notesLeftOut: Bool = true) throws -> [Layer] {
        let chosen = try catalog.layers(matching: patterns, path: path)
        diagnostics?.describe(chosen, of: catalog, path: path, isByDefault: patterns.isEmpty, notesLeftOut: notesLeftOut)
        return chosen
    }
}

extension Diagnostics {
    /// Reports which layers of a checkpoint were selected, in detail.
    ///
    /// The matrices that a default selection leaves out are counted in a note; `info` lists them in its result.
    func describe(_ chosen: [Layer], of catalog: LayerCatalog, path: String, isByDefault: Bool, notesLeftOut: Bool = true) {
        let choice = catalog.defaultChoice
        if isByDefault, notesLeftOut, !choice.leftOut.isEmpty, chosen.map(\.name) == choice.layers.map(\.name) {
            let counts = choice.leftOut.map { $0.reason.counted($0.count) }
            note("\(path): left out by default: \(counts.joined(separator: ", ")); --layers selects them by name")
        }
        let count = "\(chosen.count) of \(ByteText.counted(catalog.layers.count, "weight tensor"))"
        detail(
            "\(path): family \(catalog.family.name), by its \(catalog.familySource.rawValue); selected \(count) "
                + (isByDefault ? "by default: " : "by --layers: ") + chosen.map(\.name).joined(separator: ", "))
    }
}
