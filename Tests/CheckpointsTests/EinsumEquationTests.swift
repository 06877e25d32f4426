import Testing

@testable import Checkpoints

/// Equations as `torch.einsum` reads them; the outputs without an arrow are those of its documentation.
struct EinsumEquationTests {
    @Test(
        arguments: [
            ("bij,bjk->bik", [["b", "i", "j"], ["b", "j", "k"]], ["b", "i", "k"]),
            (" ij , jk -> ik", [["i", "j"], ["j", "k"]], ["i", "k"]),
            ("i,i->", [["i"], ["i"]], []), ("ba", [["b", "a"]], ["a", "b"]), ("ij,jk", [["i", "j"], ["j", "k"]], ["i", "k"]),
            ("aB,a", [["a", "B"], ["a"]], ["B"]),
        ] as [(String, [[Character]], [Character])])
    func namesOfDimensions(text: String, factors: [[Character]], output: [Character]) throws {
        let equation = try #require(EinsumEquation(text))
        #expect(equation.factors == factors && equation.output == output && equation.isOfLetters)
    }

    @Test func whatIsNoLetterIsSeen() throws {
        #expect(EinsumEquation("i->j->k") == nil)
        for text in ["...i,ij->...j", "i>j", "i-j", "1,i->i"] {
            #expect(try !#require(EinsumEquation(text)).isOfLetters, "\(text)")
        }
    }
}
