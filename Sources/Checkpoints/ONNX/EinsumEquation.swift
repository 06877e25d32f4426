/// The equation of a sum of products over named dimensions: `bij,bjk->bik`.
package struct EinsumEquation: Sendable, Equatable {
    /// The names of each factor's dimensions.
    package let factors: [[Character]]
    /// Those of the result. Without an arrow they are the letters that occur once, in the order of the alphabet, as PyTorch, NumPy and ONNX have it.
    package let output: [Character]

    /// Whether every name is a letter: none stands for several dimensions (`...`).
    package var isOfLetters: Bool { (factors.flatMap(\.self) + output).allSatisfy { $0.isASCII && $0.isLetter } }

    /// - Returns: nil if the text has more than one arrow.
    package init?(_ text: String) {
        let letters = text.filter { $0 != " " }
        let sides = letters.split(separator: "->", omittingEmptySubsequences: false)
        guard let first = sides.first, sides.count <= 2 else { return nil }
        factors = first.split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
        let all = factors.flatMap(\.self)
        output = sides.count == 2 ? Array(sides[1]) : Set(all).filter { name in name.isLetter && all.count { $0 == name } == 1 }.sorted()
    }
}
