import Testing

@testable import Circuits

/// How many edges are tried together.
struct EdgeGuessesTests {
    /// However many guesses in a row are right, the width does not overflow, and a wrong one reduces it again.
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
