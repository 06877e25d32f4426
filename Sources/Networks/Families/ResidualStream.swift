/// The stream that the blocks of a transformer read and add to, while it is built.
///
/// Every read and every write goes through here, so that the anatomy knows of all of them.
struct ResidualStream {
    /// The stream as built so far.
    private(set) var stream: Stream
    /// The state that the next reader reads.
    var current: NodeID { stream.states[stream.states.count - 1] }

    /// A stream that begins as a sum of embeddings.
    init(of embeddings: [NodeID], site: String, in builder: inout NetworkBuilder) {
        stream = Stream(beginning: embeddings, states: [builder.add(site, Sum(), embeddings)])
    }

    /// Adds to the stream.
    mutating func write(_ contributions: [NodeID], site: String, in builder: inout NetworkBuilder) {
        let state = builder.add(site, Sum(), [current] + contributions)
        stream.states.append(state)
        stream.writers += contributions.map { Stream.Writer(node: $0, state: state) }
    }

    /// Gives the unchanged stream another site, at the beginning of the next block.
    mutating func mark(_ site: String, in builder: inout NetworkBuilder) {
        stream.states.append(builder.add(site, Sum(), [current]))
    }

    /// Lets a part read the stream.
    ///
    /// - Parameters:
    ///   - norm: between the stream and the part.
    ///   - steps: between the norm and the part.
    mutating func read(through norm: NodeID?, then steps: [NodeID] = []) -> Stream.Reader {
        let reader = Stream.Reader(state: current, norm: norm, steps: steps)
        stream.readers.append(reader)
        return reader
    }
}
