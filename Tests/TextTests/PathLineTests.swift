import Testing
import Text

struct PathLineTests {
    @Test func differentPathsHaveDifferentLines() {
        let paths = ["a/b.pt", #"a\b.pt"#, #"a\\b.pt"#, "a\nb.pt", #"a\nb.pt"#, "a\tb.pt", "ä.pt"]
        #expect(paths.map(\.pathLine) == ["a/b.pt", #"a\\b.pt"#, #"a\\\\b.pt"#, #"a\nb.pt"#, #"a\\nb.pt"#, #"a\tb.pt"#, "ä.pt"])
    }
}
