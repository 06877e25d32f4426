import Testing

@testable import Text

@Suite struct JSONCursorTests {
    private static func value(_ text: String) throws -> JSONValue {
        try Array(text.utf8).withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            let value = try cursor.value()
            try cursor.readEnd()
            return value
        }
    }

    @Test func valuesAreReadAsTheyStand() throws {
        let found = try Self.value(#" {"b": [1, -2.5, true, null], "a": "\u00e9\ud83d\ude00\n", "b": {}} "#)
        #expect(
            found
                == .object([
                    .init(name: "b", value: .list([.integer(1), .number(-2.5), .bool(true), .null])),
                    .init(name: "a", value: .string("é😀\n")), .init(name: "b", value: .object([])),
                ]))
    }

    @Test(arguments: [
        ("{", "is not JSON, expected a string, found the end of the file"),
        ("[1 2]", "is not JSON, expected ',' or ']', found byte 3 ('2')"),
        ("1 1", "is not JSON, expected the end, found byte 2 ('1')"),
        ("\"\u{1}\"", "is not JSON, expected a string without control characters, found byte 1 ('\\u{01}')"),
        (#""\ud800""#, "is not JSON, expected the second half of a surrogate pair, found byte 7 ('\"')"),
    ])
    func damagedTextIsNamedByItsPlace(text: String, message: String) {
        #expect { try Self.value(text) } throws: { "\($0)" == message }
    }

    @Test func depthIsBounded() {
        let depth = JSONCursor.maximumDepth
        #expect(throws: Never.self) { try Self.value(String(repeating: "[", count: depth) + String(repeating: "]", count: depth)) }
        #expect(throws: Problem.self) { try Self.value(String(repeating: "[", count: 1_000_000)) }
    }

    @Test(arguments: ["0", "-0", "10", "1.5", "-2.5e3", "1E-2", "0.5e+1"])
    func numbersAreReadAsTheGrammarHasThem(text: String) throws {
        let found = try Self.value(text)
        if case .integer(let number) = found { #expect(number == Int(text)) } else { #expect(found == .number(try #require(Double(text)))) }
    }

    @Test(arguments: ["01", "+1", ".5", "1.", "1e", "-", "1e+", "nan", "Infinity", "0x1"])
    func whatIsNoNumberInJSONIsRefused(text: String) { #expect(throws: Problem.self) { try Self.value(text) } }

    @Test func countsAreWholeAndNotNegative() throws {
        func counts(_ text: String) throws -> [Int] {
            try Array(text.utf8).withUnsafeBufferPointer { bytes in
                var cursor = JSONCursor(bytes)
                return try cursor.readCounts()
            }
        }
        #expect(try counts("[0, 12,999999999999999999]") == [0, 12, 999_999_999_999_999_999])
        for text in ["[-1]", "[1.0]", "[01]", "[1000000000000000000]", "[1e3]", "[\"1\"]"] {
            #expect(throws: Problem.self, "\(text)") { try counts(text) }
        }
    }

    @Test func oneMemberIsFoundWhereItIsOne() {
        func member(_ text: String) -> JSONValue? { Array(text.utf8).withUnsafeBytes { JSONCursor.member("a", of: $0) } }
        #expect(member(#"{"b": {"a": 1}, "a": "x", "c": "\"a\": 2"}"#)?.text == "x")
        #expect(member(#"{"b": {"a": 1}}"#) == nil)
        #expect(member(#"{"\u0061": true}"#)?.flag == true)
        #expect(member(#"{"a": 1"#) == nil)
        #expect(member(#"["a", 1]"#) == nil)
    }

    private static func reading<Value>(_ text: String, _ read: (inout JSONCursor) throws -> Value) throws -> Value {
        try Array(text.utf8).withUnsafeBytes { try JSONCursor.reading($0, read) }
    }

    @Test func wholeNumbersMayBeNegativeLongOrWrittenWithAPoint() throws {
        let found = try Self.reading("[0, -1,12 , 2.0, 1e3, 9223372036854775807, -0]") { try $0.readIntegers() }
        #expect(found == [0, -1, 12, 2, 1000, 9_223_372_036_854_775_807, 0])
        for text in ["[1.5]", "[01]", "[9223372036854775808]", "[1e30]", "[\"1\"]", "[null]", "[-]", "[1,]", "[1", "1"] {
            #expect(throws: Problem.self, "\(text)") { try Self.reading(text) { try $0.readIntegers() } }
        }
        #expect { try Self.reading("[1, 7]") { try $0.readIntegers(in: 0...6) } } throws: {
            "\($0)" == "is not JSON, expected a whole number from 0 to 6, found byte 4 ('7')"
        }
    }

    @Test func aMemberIsFoundBeforeItsObjectIsRead() throws {
        let text = #"{"a": {"b": [1]}, "schema": "x", "layers": [}"#
        let found = try Array(text.utf8).withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            let schema = try cursor.string(under: "schema")
            return (schema, try cursor.hasMember("a"), cursor.position)
        }
        #expect(found.0 == "x" && found.1 && found.2 == 0)
        #expect(
            try Self.reading("{}") { cursor in
                let found = (try cursor.string(under: "schema"), try cursor.hasMember("a"))
                try cursor.skip()
                return found.0 == nil && !found.1
            })
    }

    @Test func textIsUTF8AndNothingFollowsIt() throws {
        #expect(try Self.reading(#"{"a": "b", "a": "c"}"#) { try $0.readTextMembers() } == ["a": "c"])
        #expect(try Self.reading(#" ["é", "\u00e9"] "#) { try $0.readTexts() } == ["é", "é"])
        #expect(throws: Problem.self) { try Self.reading("[] x") { try $0.readTexts() } }
        let bytes: [UInt8] = [0x22, 0xFF, 0x22]
        #expect(throws: Problem("a string is not UTF-8")) { try bytes.withUnsafeBytes { try JSONCursor.reading($0) { try $0.readText() } } }
    }

    @Test func aDamagedTextIsNamedAsWhatItIs() {
        #expect("\(Problem("is not JSON", expected: "a list").invalidating("the index"))" == "the index is not valid, expected a list")
        #expect("\(Problem("no 'a'", path: "f").invalidating("the index"))" == "f: the index is not valid: no 'a'")
    }
}
