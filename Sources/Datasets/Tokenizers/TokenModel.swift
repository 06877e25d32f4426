import Text

/// The model that turns words into tokens.
enum TokenModel: Sendable {
    case bytePair(BytePairModel)
    /// A word is a token as a whole, or the unknown one.
    case wordLevel(Vocabulary, unknown: String)
    case wordPiece(WordPieceModel)
    case unigram(UnigramModel)

    var vocabulary: Vocabulary {
        switch self {
        case .bytePair(let model): model.vocabulary
        case .wordLevel(let vocabulary, _): vocabulary
        case .wordPiece(let model): model.vocabulary
        case .unigram(let model): model.vocabulary
        }
    }
}

/// The vocabulary and merges of byte-pair encoding, with what happens to characters outside the vocabulary.
struct BytePairModel: Sendable {
    /// The settings other than vocabulary and merges.
    struct Settings: Sendable {
        var unknownToken: String?
        /// Unknown characters become the tokens `<0x00>` to `<0xFF>` of their bytes, where all of these are in the vocabulary.
        var fallsBackToBytes = false
        /// Neighbouring unknown characters become one unknown token.
        var fusesUnknown = false
        /// A word that is in the vocabulary is that token, whatever the merges say.
        var ignoresMerges = false
    }

    let vocabulary: Vocabulary
    let merges: MergeTable
    let settings: Settings
    /// The id of each scalar of the basic plane, -1 if it is not a token.
    private let basicPlane: [Int32]
    /// The ids of the tokens `<0x00>` to `<0xFF>`, -1 if one is missing.
    let byteTokens: [Int32]
    let unknown: Int32?
    /// The neighbouring characters that some merge joins, in models whose words are whole texts; what they become is not used.
    private let joints: MergeTable?

    /// - Parameter pairs: what is merged, the first first.
    /// - Throws: ``Problem`` if a merge's part or result is not in the vocabulary.
    init(vocabulary: Vocabulary, pairs: MergeList, settings: Settings) throws {
        self.vocabulary = vocabulary
        self.settings = settings
        var merges = MergeTable()
        for rank in 0..<pairs.count {
            let (left, right) = pairs[rank]
            func id(_ token: [UInt8]) throws -> Int32 {
                if let id = vocabulary.id(of: token) { return id }
                throw Problem(
                    "merge \(rank + 1) needs the token \(String(decoding: token, as: UTF8.self).quotedInMessage), which is not in the vocabulary"
                )
            }
            merges.insert(
                try id(Array(left)), try id(Array(right)), .init(rank: Int32(rank), token: try id(Array(left) + Array(right))))
        }
        self.merges = merges
        basicPlane = (UInt32(0)..<0x10000).map { value in
            Unicode.Scalar(value).flatMap { UTF8.encode($0) }.flatMap { vocabulary.id(of: Array($0)) } ?? -1
        }
        byteTokens = (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return vocabulary.id(of: "<0x" + (byte < 16 ? "0" : "") + digits + ">") ?? -1
        }
        let unknown = settings.unknownToken.flatMap { vocabulary.id(of: $0) }
        self.unknown = unknown
        joints = settings.fallsBackToBytes ? Self.joints(of: pairs, vocabulary, notCharacters: Set(byteTokens + [unknown ?? -1])) : nil
    }

    /// The pairs of a merge's last character on the left and first character on the right.
    ///
    /// - Parameter notCharacters: tokens that represent a character without being spelled like it.
    private static func joints(of pairs: MergeList, _ vocabulary: Vocabulary, notCharacters: Set<Int32>) -> MergeTable {
        var joints = MergeTable()
        for index in 0..<pairs.count {
            let (left, right) = pairs[index]
            let last = left.suffix(from: left.lastIndex { $0 & 0xC0 != 0x80 } ?? left.startIndex)
            let first = right.prefix(1) + right.dropFirst().prefix { $0 & 0xC0 == 0x80 }
            var ends = [vocabulary.id(of: Array(last))]
            var starts = [vocabulary.id(of: Array(first))]
            if let id = vocabulary.id(of: Array(left)), notCharacters.contains(id) { ends.append(id) }
            if let id = vocabulary.id(of: Array(right)), notCharacters.contains(id) { starts.append(id) }
            for end in ends { for start in starts { if let end, let start { joints.insert(end, start, .init(rank: 0, token: 0)) } } }
        }
        return joints
    }

    /// Whether texts are cut into parts that no merge joins, before they are merged.
    var cutsTexts: Bool { joints != nil }

    /// Whether any merge can join what these two neighbouring characters become part of.
    @inline(__always)
    func canJoin(_ left: Int32, _ right: Int32) -> Bool { joints?.merge(left, right) != nil }

    /// The id of the scalar at `position` of `word`, whose value is `scalar`; nil if it is not a token.
    @inline(__always)
    private func id(_ scalar: UInt32, _ length: Int, at position: Int, in word: UnsafeBufferPointer<UInt8>) -> Int32? {
        if scalar < 0x10000 {
            let id = basicPlane[Int(scalar)]
            return id < 0 ? nil : id
        }
        return vocabulary.id(of: UnsafeBufferPointer(rebasing: word[position..<position + length]))
    }

    /// Appends the tokens of the word's characters, before any merge.
    ///
    /// - Throws: ``Problem`` if an unknown token is needed and the vocabulary has none of its name.
    func appendCharacters(of word: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32]) throws {
        var position = 0
        var pendingUnknown: Int32?
        while position < word.count {
            let (scalar, length) = word.scalar(at: position)
            let start = position
            position += length
            if let id = id(scalar, length, at: start, in: word) {
                if let pending = pendingUnknown {
                    tokens.append(pending)
                    pendingUnknown = nil
                }
                tokens.append(id)
                continue
            }
            // As in the package, bytes come before an unknown character to their left.
            if settings.fallsBackToBytes, word[start..<position].allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in word[start..<position] { tokens.append(byteTokens[Int(byte)]) }
                continue
            }
            guard let name = settings.unknownToken else { continue }
            guard let unknown else {
                throw Problem(
                    "the text holds a character outside the vocabulary, and the unknown token \(name.quotedInMessage) is not in it either")
            }
            if let pending = pendingUnknown, !settings.fusesUnknown { tokens.append(pending) }
            pendingUnknown = unknown
        }
        if let pending = pendingUnknown { tokens.append(pending) }
    }
}

/// Pairs of tokens to merge, in their order.
struct MergeList {
    private var bytes: [UInt8] = []
    /// Where the left and the right part of each pair end.
    private var ends: [(left: Int, right: Int)] = []

    var count: Int { ends.count }

    /// Adds a pair.
    ///
    /// - Throws: ``Problem`` if a part is empty.
    mutating func append(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) throws {
        guard !left.isEmpty, !right.isEmpty, ends.count < Int(Int32.max) else {
            throw Problem("merge \(ends.count + 1) is not a pair of tokens")
        }
        bytes.append(contentsOf: left)
        let leftEnd = bytes.count
        bytes.append(contentsOf: right)
        ends.append((leftEnd, bytes.count))
    }

    subscript(index: Int) -> (left: ArraySlice<UInt8>, right: ArraySlice<UInt8>) {
        let start = index == 0 ? 0 : ends[index - 1].right
        return (bytes[start..<ends[index].left], bytes[ends[index].left..<ends[index].right])
    }
}
