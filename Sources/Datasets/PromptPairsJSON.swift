import Text

/// Prompt pairs in the format of auto-circuit's data sets: `{"prompts": [{"clean", "corrupt", "answers", "wrong_answers"}]}`.
enum PromptPairsJSON {
    static func read(_ text: String, path: String) throws -> [PromptPairs.Pair] {
        var text = text
        return try text.withUTF8 { bytes in
            let start = bytes.prefix(3).elementsEqual([0xEF, 0xBB, 0xBF]) ? 3 : 0
            do {
                return try JSONCursor.reading(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start...]), document)
            } catch {
                throw Problem(error).invalidating("the prompt pairs").at(path: path)
            }
        }
    }

    private static func document(_ cursor: inout JSONCursor) throws -> [PromptPairs.Pair] {
        var pairs: [PromptPairs.Pair]?
        try cursor.readMembers { cursor, key in
            guard key.elementsEqual("prompts".utf8) else { return try cursor.skip() }
            var found: [PromptPairs.Pair] = []
            try cursor.readList { cursor in found.append(try pair(&cursor, place: "prompts.\(found.count)")) }
            pairs = found
        }
        guard let pairs else { throw Problem("no 'prompts'") }
        return pairs
    }

    private static func pair(_ cursor: inout JSONCursor, place: String) throws -> PromptPairs.Pair {
        var (clean, corrupted): (PromptPairs.Piece?, PromptPairs.Piece?)
        var (answers, wrongAnswers): ([PromptPairs.Piece]?, [PromptPairs.Piece]?)
        try cursor.readObject { cursor, key in
            switch key {
            case "clean": clean = try prompt(&cursor, place: place + ".clean")
            case "corrupt": corrupted = try prompt(&cursor, place: place + ".corrupt")
            case "answers": answers = try Self.answers(&cursor, place: place + ".answers")
            case "wrong_answers" where !cursor.takeNull(): wrongAnswers = try Self.answers(&cursor, place: place + ".wrong_answers")
            case "wrong_answers": break
            default: try cursor.skip()
            }
        }
        func found<Value>(_ value: Value?, _ name: String) throws -> Value {
            guard let value else { throw Problem("no '\(name)' at '\(place)'") }
            return value
        }
        return PromptPairs.Pair(
            clean: try found(clean, "clean"), corrupted: try found(corrupted, "corrupt"), answers: try found(answers, "answers"),
            wrongAnswers: wrongAnswers ?? [])
    }

    /// A text or a list of token ids.
    private static func prompt(_ cursor: inout JSONCursor, place: String) throws -> PromptPairs.Piece {
        try expecting("a string or a list of token ids", place) {
            if cursor.peek() == UInt8(ascii: "\"") { return .text(try cursor.readText()) }
            var ids: [Int32] = []
            try cursor.readList { cursor in ids.append(try id(&cursor)) }
            return .tokens(ids)
        }
    }

    /// One answer or a list of them.
    private static func answers(_ cursor: inout JSONCursor, place: String) throws -> [PromptPairs.Piece] {
        try expecting("a list of texts or token ids", place) {
            guard cursor.peek() == UInt8(ascii: "[") else { return [try answer(&cursor)] }
            var pieces: [PromptPairs.Piece] = []
            try cursor.readList { cursor in pieces.append(try answer(&cursor)) }
            return pieces
        }
    }

    private static func answer(_ cursor: inout JSONCursor) throws -> PromptPairs.Piece {
        cursor.peek() == UInt8(ascii: "\"") ? .text(try cursor.readText()) : .tokens([try id(&cursor)])
    }

    private static func id(_ cursor: inout JSONCursor) throws -> Int32 {
        let number = try cursor.readInteger()
        guard let id = Int32(exactly: number), id >= 0 else { throw TokenIDOutOfRange(number: number) }
        return id
    }

    private struct TokenIDOutOfRange: Error { let number: Int }

    /// A value of neither of the forms that it may have is named by its place in the file.
    private static func expecting<Value>(_ words: String, _ place: String, _ read: () throws -> Value) throws -> Value {
        do {
            return try read()
        } catch let error as TokenIDOutOfRange {
            throw Problem("a token id at '\(place)' is out of range", expected: "0 to \(Int32.max)", found: "\(error.number)")
        } catch {
            throw Problem("at '\(place)'", expected: words, found: Problem(error).found)
        }
    }
}
