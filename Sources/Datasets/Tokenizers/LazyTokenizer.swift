import Archives
import Synchronization
import Text

/// A checkpoint's tokenizer, read when it is first needed: data that is not text needs none.
package final class LazyTokenizer: Sendable {
    private let file: ByteRegion
    private let path: String
    private let tokenizer = Mutex<Tokenizer?>(nil)

    package init(_ file: ByteRegion, path: String) {
        self.file = file
        self.path = path
    }

    /// The token ids of a text, without special tokens around it.
    ///
    /// - Throws: ``Problem`` for a tokenizer that cannot be read.
    package func encode(_ text: String) throws -> [Int32] { try made().encode(text, addingSpecialTokens: .never) }

    /// The token ids of a prompt, with the special tokens that the tokenizer's template puts around it.
    ///
    /// - Throws: ``Problem`` for a tokenizer that cannot be read.
    package func encodePrompt(_ text: String) throws -> [Int32] { try made().encode(text, addingSpecialTokens: .byTemplate) }

    /// The text of one token; nil if there is none.
    package func text(of token: Int32) throws -> String? { try made().text(of: token) }

    private func made() throws -> Tokenizer {
        try tokenizer.withLock { known in
            let tokenizer = try known ?? Tokenizer(file, path: path)
            known = tokenizer
            return tokenizer
        }
    }
}
