import Testing
import Text

@Suite struct GlobPatternTests {
    @Test(arguments: [
        ("*", "", true), ("a*c", "abc", true), ("a*c", "abcd", false), ("?", "é", true), ("[!a-c]x", "dx", true), ("[!a-c]x", "bx", false),
        ("[]]", "]", true), ("[a", "[a", true), ("a**b", "ab", true), ("*.weight", "a.b.weight", true), ("", "", true), ("", "a", false),
    ])
    func globsMatchLikeAShells(pattern: String, name: String, matches: Bool) {
        #expect(GlobPattern(pattern).matches(name) == matches)
    }

    @Test func aGlobOfManyStarsEnds() {
        #expect(!GlobPattern(String(repeating: "a*", count: 200) + "b").matches(String(repeating: "a", count: 5000)))
    }

    @Test func theNearestNamesTakeTheFewestEdits() {
        let names = ["fc1.weight", "fc2.weight", "head.bias"].map { (compared: $0, name: $0) }
        #expect(GlobPattern("fc2.wieght").nearest(in: names, count: 2) == ["fc2.weight", "fc1.weight"])
        #expect(GlobPattern("*.bais").nearest(in: names, count: 1) == ["head.bias"])
    }

    @Test(arguments: [
        ("blocks.0.attn.hook_z", false), ("a*", true), ("?", true), ("a[bc]", true), ("a[bc", false), ("a]", false), ("", false),
    ]) func patternsMatchOtherNamesThanTheirOwn(text: String, isPattern: Bool) {
        #expect(GlobPattern(text).isPattern == isPattern)
    }
}
