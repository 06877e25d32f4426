import Testing

@testable import Circuits

/// How many edges are tried together.
struct EdgeGuessesTests {
    /// However long all guesses are right, the width stays a number, and a wrong one brings it down again.
    @Test func aMillionRightGuessesHaveAWidth() {
        var guesses = EdgeGuesses()
        let first = guesses.width(overhead: 1)
        for _ in 0..<1_000_000 { guesses.learn(isRemoved: true, 0) }
        let most = guesses.width(overhead: 1)
        #expect(most > first && most < 1_000_000)
        guesses.learn(isRemoved: false, 1)
        #expect(guesses.width(overhead: 1) < 20)
    }
}
