import Testing
import Text

@Suite struct ShortListTests {
    @Test func aListEndsInTheNumberOfTheRest() {
        #expect(["a", "b"].listed() == "a, b")
        #expect((0..<1000).map(String.init).listed(atMost: 2) == "0, 1 and 998 more")
        #expect((0..<10_000).map(String.init).listed().count < 60)
    }
}
