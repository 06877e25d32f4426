/// The anatomy of a network as known to the family's builder: which nodes form which part of the model.
///
/// All code that depends on structure (which heads there are, where a block writes, what is between two layers) uses it. Site names are for
/// people; no code outside the families finds a node by spelling one.
package struct Anatomy: Sendable {
    /// The sums that blocks read and add to; none in a plain chain.
    package var streams: [Stream] = []
    /// The blocks in the order in which a run comes to them; none in a plain chain.
    package var blocks: [Block] = []
    /// Where the logits of a model of tokens are made.
    package var output: OutputPart?
    /// What the output's numbers are.
    package var outputKind = OutputKind.answers
    /// The layers of a plain chain in their order, those without weights among them; none in a model of blocks.
    package var layers: [LayerPart] = []
    /// What was looked for in a graph and not found, so that it has no parts, or not all; nil if nothing is missing.
    package var gap: String?
    /// Why there is no site with a sentence's embedding although the model's folder describes one; nil where there is nothing to say.
    package var sentenceProblem: String?
    /// What neither tensors nor settings say and the family takes as its standard models have it, in words; nil if they say everything.
    package var assumption: String?

    package init() {}
}
