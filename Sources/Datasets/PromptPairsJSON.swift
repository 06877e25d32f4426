import Checkpoints
import FoundationEssentials
import Text

/// Prompt pairs as auto-circuit's data sets have them: `{"prompts": [{"clean", "corrupt", "answers", "wrong_answers"}]}`.
enum PromptPairsJSON {
    static func read(_ text: String, path: String) throws -> [PromptPairs.Pair] {
        do {
            let json = text.utf8.drop { $0 == 0xEF || $0 == 0xBB || $0 == 0xBF }
            return try JSONDecoder().decode(Document.self, from: Data(json)).prompts.map(\.pair)
        } catch let error as PieceProblem {
            throw Problem(
                path: path, problem: "the prompt pairs are not valid at '\(error.place)'", expected: error.expected)
        } catch {
            throw Problem(path: path, problem: "the prompt pairs are not valid: " + DecodingProblem(error).text)
        }
    }

    private struct Document: Decodable {
        let prompts: [Item]
    }

    private struct Item: Decodable {
        let pair: PromptPairs.Pair

        enum Key: String, CodingKey {
            case clean, corrupt, answers
            case wrongAnswers = "wrong_answers"
        }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: Key.self)
            pair = PromptPairs.Pair(
                clean: try members.decode(Prompt.self, forKey: .clean).piece,
                corrupted: try members.decode(Prompt.self, forKey: .corrupt).piece,
                answers: try members.decode(Answers.self, forKey: .answers).pieces,
                wrongAnswers: try members.decodeIfPresent(Answers.self, forKey: .wrongAnswers)?.pieces ?? [])
        }
    }

    /// A value that is neither of the forms it may have.
    private struct PieceProblem: Error {
        let place: String
        let expected: String

        init(_ decoder: any Decoder, expected: String) {
            place = decoder.codingPath.map { key in key.intValue.map { "\($0)" } ?? key.stringValue }.joined(separator: ".")
            self.expected = expected
        }
    }

    private struct Prompt: Decodable {
        let piece: PromptPairs.Piece

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let text = try? value.decode(String.self) {
                piece = .text(text)
            } else if let ids = try? value.decode([Int32].self), ids.allSatisfy({ $0 >= 0 }) {
                piece = .tokens(ids)
            } else {
                throw PieceProblem(decoder, expected: "a text or a list of token ids")
            }
        }
    }

    /// One answer or a list of them.
    private struct Answers: Decodable {
        let pieces: [PromptPairs.Piece]

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let one = try? value.decode(Answer.self) {
                pieces = [one.piece]
            } else if let several = try? value.decode([Answer].self) {
                pieces = several.map(\.piece)
            } else {
                throw PieceProblem(decoder, expected: "a list of texts or token ids")
            }
        }
    }

    private struct Answer: Decodable {
        let piece: PromptPairs.Piece

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let text = try? value.decode(String.self) {
                piece = .text(text)
                return
            }
            let id = try value.decode(Int32.self)
            guard id >= 0 else { throw PieceProblem(decoder, expected: "a token id of at least 0") }
            piece = .tokens([id])
        }
    }
}
