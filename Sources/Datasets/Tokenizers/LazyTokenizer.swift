import Archives
import Synchronization
import Text

/// A checkpoint's tokenizer, read when it is first needed: data that is not text needs none.
package final class LazyTokenizer: Sendable {
    private let file: ByteRegion?
    /// Why there is no file.
    private let refusal: Problem?
    private let path: String
    /// How the mask token is written, if the model's settings say so.
    private let maskName: String?
    private let tokenizer = Mutex<Tokenizer?>(nil)

    /// - Parameter settings: the `tokenizer_config.json` beside the tokenizer, for the name of the mask token.
    package init(_ file: ByteRegion, path: String, settings: ByteRegion? = nil) {
        self.file = file
        refusal = nil
        self.path = path
        maskName = settings.flatMap(Self.maskName)
    }

    /// A tokenizer that cannot be read, which is an error where it is needed.
    package init(_ refusal: Problem, path: String) {
        file = nil
        self.refusal = refusal.at(path: path)
        self.path = path
        maskName = nil
    }

    /// The name of the mask token in a `tokenizer_config.json`; nil if there is none, or the file is something else.
    private static func maskName(_ settings: ByteRegion) -> String? {
        settings.inMemory.withUnsafeBytes { bytes in
            guard bytes.count <= 1 << 26, String(validating: bytes, as: UTF8.self) != nil,
                let value = JSONCursor.member("mask_token", of: bytes)
            else { return nil }
            return value.text ?? JSONSection(value: value, place: "mask_token")["content"].value.text
        }
    }

    /// The token ids of a text, without special tokens around it.
    ///
    /// - Throws: ``Problem`` for a tokenizer that cannot be read.
    package func encode(_ text: String) throws -> [Int32] { try made().encode(text, addingSpecialTokens: .never) }

    /// The token ids of a prompt, with the special tokens that the tokenizer's template puts around it.
    ///
    /// - Throws: ``Problem`` for a tokenizer that cannot be read.
    package func encodePrompt(_ text: String) throws -> [Int32] { try made().encode(text, addingSpecialTokens: .byTemplate) }

    /// The token ids of a text that is a sample, with the special tokens of the template, at most `longest` in all: those that are too many
    /// are missing from the text's end.
    ///
    /// - Throws: ``Problem`` for a tokenizer that cannot be read, or whose special tokens alone are more.
    package func encodeSample(_ text: String, longest: Int) throws -> (ids: [Int32], isCut: Bool) {
        let tokenizer = try made()
        let ids = try tokenizer.encode(text, addingSpecialTokens: .never)
        let room = longest - tokenizer.wrapped([]).count
        guard room >= 0 else {
            throw Problem(
                path: path, problem: "puts more special tokens around a text than a sample may have", expected: "at most \(longest)",
                found: "\(longest - room)")
        }
        return (tokenizer.wrapped(Array(ids.prefix(room))), ids.count > room)
    }

    /// `ids` with the special tokens of the template around them.
    package func wrapped(_ ids: [Int32]) throws -> [Int32] { try made().wrapped(ids) }

    /// The token that stands for a hidden one; nil if there is none.
    package func maskToken() throws -> Int32? {
        let tokenizer = try made()
        return (maskName.map { [$0] } ?? ["[MASK]", "<mask>"]).lazy.compactMap { tokenizer.token(id: $0) }.first
    }

    /// The tokens that mean no text.
    package func specialTokens() throws -> Set<Int32> { try made().specialTokens }

    /// The text of one token; nil if there is none.
    package func text(of token: Int32) throws -> String? { try made().text(of: token) }

    private func made() throws -> Tokenizer {
        guard let file else { throw refusal ?? Problem(path: path, problem: "has no tokenizer") }
        return try tokenizer.withLock { known in
            let tokenizer = try known ?? Tokenizer(file, path: path)
            known = tokenizer
            return tokenizer
        }
    }
}
