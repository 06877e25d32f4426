import Testing
import Text

struct UniqueNamesTests {
    @Test func aNameThatIsTakenGetsTheFirstFreeNumber() {
        var names = UniqueNames(separator: "#")
        let taken = ["a#3", "a#3"].map { names.take($0) }
        #expect(taken == [true, false])
        let found = ["a", "a", "a", "a", "b", "a#2"].map { names.unused($0) }
        #expect(found == ["a", "a#2", "a#4", "a#5", "b", "a#2#2"])
    }
}
