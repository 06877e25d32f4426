import Archives
import Text

/// Clean prompts with their corrupted counterparts and the answers that distinguish them, as text or as token ids.
package struct PromptPairs: Sendable {
    /// A prompt, or an answer of one token.
    package enum Piece: Sendable, Equatable {
        case text(String)
        /// None negative.
        case tokens([Int32])
    }

    /// One clean prompt and its corrupted counterpart.
    package struct Pair: Sendable, Equatable {
        package let clean: Piece
        package let corrupted: Piece
        /// The tokens that are right after the clean prompt, each one token; may be empty.
        package let answers: [Piece]
        /// The tokens that are wrong after the clean prompt, each one token; may be empty.
        package let wrongAnswers: [Piece]

        package init(clean: Piece, corrupted: Piece, answers: [Piece], wrongAnswers: [Piece]) {
            self.clean = clean
            self.corrupted = corrupted
            self.answers = answers
            self.wrongAnswers = wrongAnswers
        }
    }

    /// The name that the user gave.
    package let name: String
    /// In the file's order.
    package let pairs: [Pair]

    package init(name: String, pairs: [Pair]) {
        self.name = name
        self.pairs = pairs
    }

    /// Whether any prompt or answer is text, for which a tokenizer is needed.
    package var holdsText: Bool {
        pairs.contains { pair in
            ([pair.clean, pair.corrupted] + pair.answers + pair.wrongAnswers).contains {
                if case .text = $0 { true } else { false }
            }
        }
    }

    /// Opens the JSON or CSV file at `path`, or standard input if that is `-`. JSON begins with a brace.
    ///
    /// JSON is `{"prompts": [{"clean": ..., "corrupt": ..., "answers": [...], "wrong_answers": [...]}]}`, other keys are not looked at; a
    /// prompt is a text or a list of token ids, an answer a text or a token id. CSV has a header with the columns `clean`, `corrupted`,
    /// `correct_idx` and `incorrect_idx` among others; the last two hold a token id or a list `[1, 2]`. Wrong answers may be missing in both.
    ///
    /// - Throws: ``Problem`` if it cannot be read or is something else.
    package static func open(_ path: String) throws -> PromptPairs { try read(DataFile(path: path)) }

    /// Whether a source names a file of prompt pairs; standard input is taken for samples.
    package static func areIn(_ source: DatasetSource) throws -> Bool {
        guard source.path != "-", try ModularAddition(source.path) == nil else { return false }
        if case .pairs = try DataFile(path: source.path).kind(context: source.context) { return true }
        return false
    }

    private static let maximumSize = 1 << 28

    /// Reads the pairs in a file.
    static func read(_ file: DataFile) throws -> PromptPairs {
        guard let kind = try? file.kind(context: nil), case .pairs = kind else { throw unsuitable(file) }
        guard file.content.count <= maximumSize else {
            throw Problem(
                path: file.path, problem: "too long for prompt pairs", expected: "at most \(maximumSize) bytes",
                found: "\(file.content.count)")
        }
        let text = try file.text()
        let isJSON = text.unicodeScalars.first { $0 != "\u{FEFF}" && !$0.properties.isWhitespace }.map { $0 == "{" || $0 == "[" } ?? false
        let pairs = isJSON ? try PromptPairsJSON.read(text, path: file.path) : try PromptPairsCSV.read(text, path: file.path)
        guard !pairs.isEmpty else { throw Problem(path: file.path, problem: "holds no prompt pairs") }
        return PromptPairs(name: file.path, pairs: pairs)
    }

    private static func unsuitable(_ file: DataFile) -> Problem {
        Problem(
            path: file.path, problem: "no prompt pairs", expected: "JSON with prompts, or CSV with clean and corrupted",
            hint: .drawPairsByClass)
    }
}

/// Prompt pairs as token ids: the two prompts of a pair have the same length.
package struct TokenPairs: Sendable {
    package let name: String
    package let clean: TokenSequences
    package let corrupted: TokenSequences
    /// The right answers of each pair, none for some or all.
    package let answers: [[Int32]]
    /// The wrong answers of each pair, none for some or all.
    package let wrongAnswers: [[Int32]]

    package var count: Int { answers.count }

    /// The largest id among prompts and answers; 0 if there are none.
    package var largestToken: Int32 {
        let prompts = [clean, corrupted].compactMap { $0.largestToken()?.value }
        return (prompts + answers.joined() + wrongAnswers.joined()).max() ?? 0
    }
}

extension PromptPairs {
    /// The most tokens of an answer that a message shows.
    private static let longestSplit = 8

    /// The pairs as token ids.
    ///
    /// - Parameters:
    ///   - prompt: the ids of a prompt's text; nil if there is no tokenizer.
    ///   - answer: the ids of an answer's text, without any that a tokenizer puts before a prompt; nil if there is no tokenizer.
    ///   - spelling: the text of one token, by which an answer of several shows its split.
    /// - Throws: ``Problem`` if a prompt is empty, the prompts of a pair differ in length, an answer is not one token, or text
    ///   meets no tokenizer; what the closures throw.
    package func tokenized(
        prompt: ((String) throws -> [Int32])?, answer: ((String) throws -> [Int32])?, spelling: ((Int32) throws -> String?)? = nil
    ) throws -> TokenPairs {
        func ids(_ piece: Piece, _ tokenize: ((String) throws -> [Int32])?) throws -> [Int32] {
            switch piece {
            case .tokens(let ids): return ids
            case .text(let text):
                guard let tokenize else {
                    throw Problem(path: name, problem: "text needs a tokenizer, and the checkpoint has no tokenizer.json")
                }
                return try tokenize(text)
            }
        }
        func answers(_ pieces: [Piece], _ number: Int) throws -> [Int32] {
            try pieces.map { piece in
                let found = try ids(piece, answer)
                guard found.count == 1 else {
                    let split = try found.prefix(Self.longestSplit).map { id in "'\(try spelling?(id) ?? "\(id)")'" }
                    throw Problem(
                        path: name, problem: "an answer of pair \(number) is not one token" + (piece.quoted.map { ": " + $0 } ?? ""),
                        expected: "1 token",
                        found: "\(found.count)" + (split.isEmpty ? "" : ": " + split.joined(separator: " "))
                            + (found.count > split.count ? " ..." : ""))
                }
                return found[0]
            }
        }
        var clean: [[Int32]] = []
        var corrupted: [[Int32]] = []
        for (number, pair) in pairs.enumerated() {
            let (first, second) = (try ids(pair.clean, prompt), try ids(pair.corrupted, prompt))
            guard !first.isEmpty, !second.isEmpty else {
                throw Problem(path: name, problem: "a prompt of pair \(number) is empty", expected: "1 token or more")
            }
            guard first.count == second.count else {
                throw Problem(
                    path: name, problem: "the prompts of pair \(number) differ in length",
                    expected: "\(first.count) tokens as in the clean one",
                    found: "\(second.count)")
            }
            clean.append(first)
            corrupted.append(second)
        }
        return TokenPairs(
            name: name, clean: TokenSequences(clean), corrupted: TokenSequences(corrupted),
            answers: try pairs.enumerated().map { try answers($1.answers, $0) },
            wrongAnswers: try pairs.enumerated().map { try answers($1.wrongAnswers, $0) })
    }
}

extension PromptPairs.Piece {
    /// The text for a message.
    fileprivate var quoted: String? {
        guard case .text(let text) = self else { return nil }
        return "'\(text.prefix(40))'"
    }
}
