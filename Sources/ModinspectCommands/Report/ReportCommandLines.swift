import Interventions
import Text

/// The commands that repeat the parts of a report, quoted for a shell.
struct ReportCommandLines {
    private let options: ReportCommand

    init(_ options: ReportCommand) { self.options = options }

    private var checkpoint: [String] { [Self.operand(options.checkpoint)] + sourceWords }

    private var sourceWords: [String] {
        let source = options.source
        let values = [
            ("--member", source.member), ("--key", source.key), ("--base", source.base), ("--base-member", source.baseMember),
            ("--base-key", source.baseKey),
        ]
        return values.flatMap { name, value in value.map { [name, $0] } ?? [] }
    }

    private var layerWords: [String] { options.layers.lists.flatMap { ["--layers", $0] } }
    private var seedWords: [String] { seed == 0 ? [] : ["--seed", "\(seed)"] }
    private var seed: UInt64 { options.computation.seed }

    private var architectureWords: [String] {
        options.architecture.architecture.map { ["--arch", $0.description] } ?? []
    }

    private var methodWords: [String] {
        let clustering = options.clustering
        var words = clustering.method.flatMap { $0 == .standard ? nil : ["--method", $0.rawValue] } ?? []
        if clustering.leavesUnaligned { words.append("--no-align") }
        if clustering.isChained { words.append("--chain") }
        return words
    }

    private var sampleWords: [String] {
        let samples = options.samples
        var words: [String] = []
        if let labels = samples.labels { words += ["--labels", labels] }
        if let normalize = samples.normalize {
            words += ["--normalize", (normalize.means + normalize.deviations).map(\.description).joined(separator: ",")]
        }
        if let task = samples.task { words += ["--task", task.rawValue] }
        if let context = samples.context { words += ["--context", "\(context)"] }
        if samples.tokenWidth != .uint16 { words += ["--token-type", samples.tokenWidth.rawValue] }
        if samples.trainFraction != 0.3 { words += ["--train-fraction", samples.trainFraction.description] }
        return words + limitWords
    }

    private var limitWords: [String] { options.samples.limit.map { ["--limit", "\($0)"] } ?? [] }
    private var batchWords: [String] { options.batchSize.map { ["--batch", "\($0)"] } ?? [] }

    /// The clusters of scores: found, for these numbers, or given.
    private func clusterWords(_ counts: String) -> [String] {
        options.clusterFile.map { ["--clusters", $0] } ?? ["-k", counts] + methodWords
    }

    private static func drawn(_ name: String) -> [String] { ["--format", "svg", "-o", name + ".svg"] }

    /// - Parameter counts: as `-k` takes them.
    func score(_ counts: String, null: Int, file: String = "score") -> String {
        line(["score"] + checkpoint + clusterWords(counts) + ["--null", "\(null)"] + layerWords + seedWords + Self.drawn(file))
    }

    var info: String { line(["info"] + checkpoint + layerWords + architectureWords) }

    /// The maps of the layers' weights, a file each: a layer's random numbers depend on its place among the layers, so that alone it would have
    /// others.
    func weights(_ counts: String, null: Int) -> String {
        line(
            ["score"] + checkpoint + clusterWords(counts) + ["--null", "\(null)"] + layerWords + seedWords
                + ["--format", "svg", "-o", "weights/"])
    }

    func eval(_ data: String) -> String {
        line(
            ["eval"] + checkpoint + ["--data", data] + sampleWords + batchWords + architectureWords + seedWords + Self.drawn("eval"))
    }

    func ablate(_ data: String, _ counts: String, _ reading: ClusterAblation.Reading) -> [String] {
        let readingWords = reading == .activations ? [] : ["--reading", reading.rawValue]
        let rest =
            ["--data", data] + readingWords + sampleWords + batchWords + ["--control", "\(options.controls)"] + architectureWords
            + seedWords
            + Self.drawn("ablate")
        let cluster = ["cluster"] + checkpoint + ["-k", counts] + methodWords + layerWords + seedWords
        if let file = options.clusterFile { return [line(["ablate"] + checkpoint + ["--clusters", file] + layerWords + rest)] }
        // Standard input is the checkpoint's then.
        if options.checkpoint == "-" {
            return [
                line(cluster + ["-o", "clusters.tsv"]), line(["ablate"] + checkpoint + ["--clusters", "clusters.tsv"] + rest),
            ]
        }
        return [line(cluster) + " | " + line(["ablate"] + checkpoint + ["--clusters", "-"] + rest)]
    }

    func circuit(_ pairs: String) -> String {
        let byClass = options.arePairsByClass ? options.data.map { ["--data", $0, "--pairs", pairs] + sampleWords } : nil
        return line(
            ["circuit"] + checkpoint + ["--method", options.circuitMethod.rawValue] + (byClass ?? ["--data", pairs] + limitWords)
                + batchWords + architectureWords + seedWords + Self.drawn("circuit"))
    }

    func compare(_ other: String, _ counts: String) -> String {
        line(
            ["compare"] + [Self.operand(options.checkpoint), Self.operand(other)] + sourceWords + clusterWords(counts) + layerWords
                + seedWords + Self.drawn("compare"))
    }

    /// The command that writes the page.
    ///
    /// - Parameter null: the permutations of the null model, whatever chose their number; nil if there was no score.
    func report(null: Int?) -> String {
        var words = ["report"] + checkpoint
        for (name, value) in [
            ("--data", options.data), ("--pairs", options.pairs), ("--clusters", options.clusterFile), ("--compare", options.other),
        ] { if let value { words += [name, value] } }
        if let counts = options.clustering.counts, counts != .counts([4]) { words += ["-k", counts.defaultValueDescription] }
        words += methodWords
        if let null { words += ["--null", "\(null)"] }
        if options.controls != 5 { words += ["--control", "\(options.controls)"] }
        if options.circuitMethod != .eapIG { words += ["--circuit-method", options.circuitMethod.rawValue] }
        words += sampleWords + batchWords + layerWords + architectureWords + seedWords
        if options.source.omitsHash { words.append("--no-sha256") }
        return line(words + ["-o", "report.html"])
    }

    private func line(_ words: [String]) -> String { "modinspect " + words.map(Self.quoted).joined(separator: " ") }

    /// A path that an option's parser does not take for an option.
    private static func operand(_ path: String) -> String { path.hasPrefix("-") && path != "-" ? "./" + path : path }

    /// A word as a shell reads it back, on one line: control characters and those that turn the direction of text are escapes.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || "-_./,:=@%+".utf8.contains(byte)
            }
        if isPlain { return word }
        guard word.unicodeScalars.contains(where: \.breaksLine) else {
            return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }
        var text = "$'"
        for scalar in word.unicodeScalars {
            switch scalar {
            case "'", "\\": text += "\\" + String(scalar)
            case _ where scalar.breaksLine:
                for byte in String(scalar).utf8 { text += "\\" + octal(byte) }
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "'"
    }

    /// Three digits, so that a digit behind is none of them.
    private static func octal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 8)
        return String(repeating: "0", count: 3 - digits.count) + digits
    }
}
