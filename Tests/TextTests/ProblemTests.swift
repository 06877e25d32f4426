import Testing
import Text

@Suite struct ProblemTests {
    @Test func theLineNamesWhatIsKnown() {
        #expect("\(Problem("is empty"))" == "is empty")
        #expect(
            "\(Problem("is cut off", path: "a.npz", subject: "array 'x'", expected: "8 bytes", found: "4", hint: "read it again"))"
                == "a.npz: array 'x': is cut off, expected 8 bytes, found 4; read it again")
    }

    @Test func aNameFromAHostileFileStaysOnTheLine() {
        #expect("\(Problem("is\nodd", path: "a\u{1B}[2J", hint: "look\r"))" == "a\\u{1B}[2J: is\\nodd; look\\r")
    }

    @Test func thePathThatIsKnownFirstStays() {
        let problem = Problem("is odd").at(path: "inner").at(path: "outer")
        #expect(problem.path == "inner")
        #expect(problem.summary == "inner: is odd")
    }

    @Test func outerSubjectsComeFirst() {
        #expect("\(Problem("is odd").within("layer 'a'"))" == "layer 'a': is odd")
        #expect("\(Problem("is odd", subject: "row 1").within("layer 'a'"))" == "layer 'a': row 1: is odd")
    }

    @Test func whoeverKnowsOptionsPutsHintsIntoWords() {
        let problem = Problem("is odd", path: "a", setting: .architecture, hint: .pickKey)
        #expect(problem.line(naming: { "<\($0)>" }, hint: { "(\($0))" }) == "a: <the architecture>: is odd; (a key picks one)")
        #expect(problem.about("'fc1'").line(naming: { _ in "-x" }, hint: { _ in "y" }) == "a: -x: 'fc1': is odd; y")
    }

    @Test func aMemberStandsBehindItsArchive() {
        #expect("\(Problem("is damaged", member: "b"))" == "member 'b': is damaged")
        #expect("\(Problem("is damaged", member: "b").at(path: "a.tar"))" == "a.tar!b: is damaged")
    }

    @Test func longNamesLoseTheirMiddle() {
        let name = String(repeating: "a", count: 5_000_000) + ".weight"
        let line = "\(Problem("is odd", path: "x", subject: "tensor '\(name)'", expected: name, found: "it's '\(name)' and \(name)"))"
        #expect(line.count < 1200)
        #expect(line.hasPrefix("x: tensor 'aaaa") && line.contains("a...a") && line.contains("a.weight': is odd, expected aaaa"))
        #expect(line.hasSuffix("a.weight"))
        // What a file system could hold is left as it is, and so is a path.
        let short = String(repeating: "b", count: 256)
        #expect("\(Problem("'\(short)' is odd"))" == "'\(short)' is odd")
        let path = String(repeating: "directory/", count: 400)
        #expect("\(Problem("is odd", path: path))" == path + ": is odd")
    }

    @Test func namesOfManyBytesKeepTheirEnds() {
        #expect("abcdefghijklmnopqrst".shortened(to: 12) == "abcdef...rst")
        #expect("abcdefghijkl".shortened(to: 12) == "abcdefghijkl")
        #expect("ééééééé".shortened(to: 7) == "ééééééé")
        let words = String(repeating: "word ", count: 1_000_000)
        #expect(words.shortenedForMessage().count == 2048)
    }
}
