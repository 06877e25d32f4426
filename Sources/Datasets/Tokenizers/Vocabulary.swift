import Text

/// The tokens of a model and their ids, both ways.
struct Vocabulary: Sendable {
    private var strings = ByteStringTable()
    /// The id of each string.
    private var ids: [Int32] = []
    private var stringOfId: [Int32: Int32] = [:]

    var count: Int { ids.count }

    /// Adds a token.
    ///
    /// - Throws: ``Problem`` if the token or the id already exists.
    mutating func insert(_ token: [UInt8], id: Int32) throws {
        let (index, isNew) = strings.insert(token)
        let name = { String(decoding: token, as: UTF8.self).quotedInMessage }
        guard isNew else { throw Problem("the token \(name()) appears twice in the vocabulary") }
        if let other = stringOfId.updateValue(Int32(index), forKey: id) {
            throw Problem("the tokens \(strings.text(Int(other)).quotedInMessage) and \(name()) share the id \(id)")
        }
        ids.append(id)
    }

    /// The id of the token written as these bytes.
    func id(of token: UnsafeBufferPointer<UInt8>) -> Int32? { strings.index(of: token).map { ids[$0] } }

    func id(of token: [UInt8]) -> Int32? { strings.index(of: token).map { ids[$0] } }

    func id(of token: String) -> Int32? { id(of: Array(token.utf8)) }

    /// The bytes of the token with this id.
    func token(_ id: Int32) -> [UInt8]? { stringOfId[id].map { Array(strings[Int($0)]) } }
}
