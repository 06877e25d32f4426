/// The stream that the blocks of a transformer read and add to.
///
/// Every read and every write goes through here: a graph in which each reader has an n-ary sum of its own over all that was
/// written differs here and nowhere else.
struct ResidualStream {
    /// What the next reader reads.
    private(set) var current: NodeID

    /// A stream that begins as a sum of embeddings.
    init(of embeddings: [NodeID], site: String, in builder: inout NetworkBuilder) {
        current = builder.add(site, Sum(), embeddings)
    }

    /// Adds to the stream.
    mutating func write(_ contributions: [NodeID], site: String, in builder: inout NetworkBuilder) {
        current = builder.add(site, Sum(), [current] + contributions)
    }

    /// Gives the stream as it is another site, where the next block begins.
    mutating func mark(_ site: String, in builder: inout NetworkBuilder) {
        current = builder.add(site, Sum(), [current])
    }
}
