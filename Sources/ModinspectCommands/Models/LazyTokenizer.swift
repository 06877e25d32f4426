import Archives
import Datasets
import Synchronization

/// A checkpoint's tokenizer, read when the first text comes: data that is no text needs none.
final class LazyTokenizer: Sendable {
    private let file: ByteRegion
    private let path: String
    private let tokenizer = Mutex<Tokenizer?>(nil)

    init(_ file: ByteRegion, path: String) {
        self.file = file
        self.path = path
    }

    /// The token ids of a text, without special tokens around it.
    ///
    /// - Throws: ``TokenizerError`` for a tokenizer that cannot be read.
    func encode(_ text: String) throws -> [Int32] {
        let made = try tokenizer.withLock { known in
            let tokenizer = try known ?? Tokenizer(file, path: path)
            known = tokenizer
            return tokenizer
        }
        return try made.encode(text, addingSpecialTokens: .never)
    }
}
