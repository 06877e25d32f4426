/// Something about a checkpoint that somebody should look at.
package struct Finding: Sendable, Equatable {
    /// The kinds of findings: the single list for results, conditions, help and manual. Names are stable.
    package enum Kind: String, Sendable, CaseIterable {
        case nan, infinite, zero, dead, duplicate, proportional, copy, untied, unsafe, unscanned, unread, assumed

        /// What the finding means, in a sentence.
        package var documentation: String {
            switch self {
            case .nan: "Weights that are not a number."
            case .infinite: "Weights that are infinite."
            case .zero: "A weight matrix all of whose elements are 0."
            case .dead: "Neurons of a weight matrix whose row (side out) or column (side in) is 0."
            case .duplicate: "Neurons whose row equals the row of another neuron; biases are not compared."
            case .proportional:
                "Neurons whose row is a multiple of the row of another neuron, up to a millionth of each weight; biases are not compared."
            case .copy: "Matrices with the same values that the file stores more than once."
            case .untied: "An output matrix that the configuration declares to be the embedding, stored with other values."
            case .unsafe: "Globals that loading a pickle in Python would import or call, beyond what tensors and plain data need."
            case .unscanned: "A member of the file that could not be searched for pickles to the end."
            case .unread: "A tensor that cannot be read, with the reason."
            case .assumed: "Something that no file says and that was assumed."
            }
        }
    }

    /// The side of a weight matrix that neurons are on.
    package enum Side: String, Sendable {
        case out, `in`
    }

    package let kind: Kind
    /// The tensor, layer or member that it is about; nil for the checkpoint as a whole.
    package let subject: String?
    package let side: Side?
    /// How many elements, neurons, tensors or names it is about.
    package let count: Int
    /// What exactly, in words; nil if there is no more to say.
    package let detail: String?

    package init(_ kind: Kind, subject: String? = nil, side: Side? = nil, count: Int = 1, detail: String? = nil) {
        self.kind = kind
        self.subject = subject
        self.side = side
        self.count = count
        self.detail = detail
    }
}
