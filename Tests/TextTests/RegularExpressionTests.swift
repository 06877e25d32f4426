import Testing

@testable import Text

@Suite struct RegularExpressionTests {
    /// What Python's `re.fullmatch` says.
    @Test(arguments: [
        ("q_proj", "q_proj", true), ("q_proj", "xq_proj", false), ("a.c", "abc", true), (#"a\.c"#, "abc", false), (#"a\.c"#, "a.c", true),
        ("(.*\\.)?(up_proj)", "layers.1.mlp.up_proj", true), ("(.*\\.)?(up_proj)", "layers.1.mlp.sup_proj", false),
        ("(.*\\.)?(up_proj)", "up_proj", true), ("a|bc", "bc", true), ("a|bc", "ac", false), ("(a|b)+", "abba", true),
        ("(a|b)+", "", false),
        (#"layers\.(0|2)\.\w+"#, "layers.2.mlp_in", true), (#"layers\.(0|2)\.\w+"#, "layers.1.mlp", false),
        (#"layers\.[0-9]{1,2}\.x"#, "layers.12.x", true), (#"layers\.[0-9]{1,2}\.x"#, "layers.123.x", false), ("a{2}", "aa", true),
        ("a{2,}", "aaaa", true), ("a{2,}", "a", false), ("a{,2}", "", true), ("a{,2}", "aaa", false), ("a{x}", "a{x}", true),
        ("[^.]*", "a.b", false), ("[^.]*", "ab", true), ("[]a]+", "]a", true), ("[a-]+", "-a", true), (#"[\w.]+"#, "a.b_1", true),
        (#"\d+"#, "12", true), (#"\D+"#, "12", false), (#"\S+"#, "a b", false), ("^a$", "a", true), ("a^b", "ab", false), ("", "", true),
        ("", "a", false), ("(?:ab)*?", "abab", true), ("(?P<n>a)b", "ab", true), ("a?b?c?", "ac", true), (".*", "a\nb", false),
        ("(a*)*", "aaa", true), ("(a*)*b", "aaa", false), ("(|a)b", "b", true), ("((a|b)c|d){2}", "acd", true), (#"\Aa\Z"#, "a", true),
    ])
    func matchesWhatPythonMatches(_ expression: String, _ text: String, _ expected: Bool) throws {
        #expect(try RegularExpression(expression).matches(text) == expected)
    }

    @Test(arguments: ["(", "a)", "[a", "*a", "a**", "(?=a)", "(?<!a)b", "(a)\\1", "\\", "[z-a]", "a{1000}", "(?P=n)", "\\bq"])
    func refusesWhatItDoesNotRead(_ expression: String) {
        #expect(throws: Problem.self) { try RegularExpression(expression) }
    }

    /// A backtracking machine would take longer than the universe is old.
    @Test func hostileExpressionsTakeLinearTime() throws {
        let text = String(repeating: "a", count: 2000)
        #expect(try !RegularExpression("(a*)*(a*)*(a|a)*b").matches(text))
        #expect(
            try RegularExpression(String(repeating: "a?", count: 200) + String(repeating: "a", count: 200))
                .matches(String(repeating: "a", count: 200)))
        for hostile in [
            String(repeating: "(", count: 10_000), String(repeating: "(", count: 20) + String(repeating: "){256}", count: 20),
            "((a{256}){256}){256}",
        ] {
            #expect(throws: Problem.self) { try RegularExpression(hostile) }
        }
    }
}
