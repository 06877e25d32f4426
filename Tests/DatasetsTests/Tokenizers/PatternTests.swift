import Testing
import Text

@testable import Datasets

@Suite struct PatternTests {
    /// The matches of `pattern` in `text`.
    static func matches(_ pattern: String, _ text: String) throws -> [String] {
        var list = PatternList()
        let number = try list.add(PatternProgram(pattern))
        var matcher = list.matcher()
        let bytes = Array(text.utf8)
        matcher.allowSteps(forBytes: bytes.count)
        return try bytes.withUnsafeBufferPointer { bytes in
            var (found, search): ([String], PatternMatcher.Search) = ([], .init())
            while let match = try matcher.next(list.programs[number], number: number, in: bytes, &search) {
                found.append(String(decoding: bytes[match], as: UTF8.self))
            }
            return found
        }
    }

    /// Values of the package: the matches of its `Split`, empty ones counted by its `Replace`.
    @Test(arguments: [
        (#"a*"#, "baab\naab", ["", "aa", "", "aa", ""]),
        (#"(?=a)"#, "baab", ["", ""]),
        (#"^b|b$"#, "baab\nb", ["b", "b", "b"]),
        (#"[^a]+?c"#, "abbcacbcc", ["bbc", "cbc"]),
        (#"(?:ab|a)(?:bc|c)"#, "abc abbc", ["abc", "abbc"]),
        (#"a++b|a+"#, "aaab aaa", ["aaab", "aaa"]),
        (#"(?>a|ab)c"#, "abc ac", ["ac"]),
        (#"\p{N}{1,3}"#, "12345٣", ["123", "45٣"]),
        (#"x{2}|x{,1}y"#, "xxxyy", ["xx", "xy", "y"]),
        (#"(?i:'s|K)"#, "'S'ſkK\u{212A}", ["'S", "'ſ", "k", "K", "\u{212A}"]),
        (#"\s+(?!\S)|\s+"#, "a   b \u{85}\u{A0}", ["  ", " ", " \u{85}\u{A0}"]),
        (#"[一-龥぀-ゟ]+"#, "世界こんにちは abc", ["世界こんにちは"]),
        (#"[\x41-\x43\u0044\x{45}]+"#, "xABCDEF", ["ABCDE"]),
        (#"\P{L}+|[\P{N}\d]"#, "a1 b", ["a", "1 ", "b"]),
        (#".+"#, "a\r\nb", ["a\r", "b"]),
    ])
    func patterns_match_as_in_the_package(_ pattern: String, _ text: String, _ expected: [String]) throws {
        let found = try Self.matches(pattern, text)
        #expect(found.elementsEqual(expected) { $0.utf8.elementsEqual($1.utf8) }, "\(found)")
    }

    @Test(arguments: [
        #"(?<=a)b"#, #"(?<name>a)"#, #"\bword"#, #"(a)\1"#, #"[a&&b]"#, #"[[:alpha:]]"#, #"\p{Han}"#, #"\p{L"#, #"(a"#, #"a)"#, #"[a"#,
        #"[]"#, #"*a"#,
        #"a{2000}"#, #"a{3,2}"#, #"(?i:ß)"#, #"(?i:st)"#, #"(?m:a)"#, #"\h"#, #"\"#, #"(a*)*"#, #"(?:a?){3}"#, #"[z-a]"#, #"\x{110000}"#,
        #"a{"#, #"(?!a)+"#,
    ])
    func what_is_not_read_is_refused_and_shown(_ pattern: String) {
        let problem = #expect(throws: Problem.self) { try PatternProgram(pattern) }
        #expect(problem?.what.contains("pattern") == true)
    }

    @Test func deep_and_large_patterns_are_refused() {
        for pattern in [
            String(repeating: "(", count: 5000) + String(repeating: ")", count: 5000), String(repeating: "a", count: 20_000),
            "(?:(?:(?:ab){1000}){1000}){1000}", (0..<300).map { "[a\(Unicode.Scalar(0x4E00 + $0)!)]" }.joined(),
        ] {
            #expect(throws: Problem.self) { try PatternProgram(pattern) }
        }
    }

    @Test(arguments: [#"(?:a|a)*b"#, #"(?:a+)+b"#, #"(?:a|aa)+$b"#, #"a*a*a*a*a*a*a*b"#])
    func exponential_patterns_stop(_ pattern: String) {
        #expect(throws: Problem.self) { try Self.matches(pattern, String(repeating: "a", count: 200)) }
    }

    @Test func long_runs_are_linear() throws {
        let spaces = String(repeating: " ", count: 200_000)
        let pattern = #"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        #expect(try Self.matches(pattern, spaces + "x").map(\.utf8.count) == [199_999, 2])
        #expect(try Self.matches(pattern, String(repeating: "é", count: 100_000)).map(\.utf8.count) == [200_000])
    }

    @Test func classes_hold_the_scalars_that_they_name() {
        let letters = ScalarClass(items: [.init(categories: .categories("L")!)])
        #expect(letters.contains("é") && letters.contains("世") && !letters.contains("1") && !letters.contains(" "))
        // Oniguruma 6.9.10 has the tables of Unicode 16: 141,028 letters and 1,911 numbers.
        func count(_ names: String...) -> Int {
            let category = ScalarClass(items: [.init(categories: names.compactMap { UInt32.categories($0) }.reduce(0, |))])
            return (0..<0x1100).reduce(0) { $0 + category.members(ofPage: $1).reduce(0) { $0 + $1.nonzeroBitCount } }
        }
        #expect(count("N") == 1911)
        #expect(count("P") == 855)
    }
}
