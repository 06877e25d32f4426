import Testing

@testable import Text

@Suite struct JSONMembersTests {
    private func setting(_ name: String, to value: String, in text: String) throws -> String {
        String(decoding: try #require(JSONMembers(Array(text.utf8))).setting(name, to: value), as: UTF8.self)
    }

    private func removing(_ name: String, from text: String) throws -> String {
        String(decoding: try #require(JSONMembers(Array(text.utf8))).removing(name), as: UTF8.self)
    }

    @Test func textIsNoMember() throws {
        let text = #"{"note": "a \" \"n_inner\": 3, {", "n_inner": "x"}"#
        #expect(try setting("n_inner", to: "7", in: text) == #"{"note": "a \" \"n_inner\": 3, {", "n_inner": 7}"#)
        #expect(try setting("note", to: "[]", in: text) == #"{"note": [], "n_inner": "x"}"#)
    }

    @Test func namesAreComparedDecodedAndValuesMayBeAnything() throws {
        let text = #"{"n\u005finner": [1, {"n_inner": 2}], "b": {}, "n_inner" : null}"#
        #expect(try setting("n_inner", to: "7", in: text) == #"{"n\u005finner": 7, "b": {}, "n_inner" : 7}"#)
        #expect(try removing("n_inner", from: text) == #"{"b": {}}"#)
    }

    @Test func aMemberThatIsNotThereIsAddedInFront() throws {
        #expect(try setting("a", to: "1", in: "{}") == "{\n  \"a\": 1}")
        #expect(try setting("a", to: "1", in: #"{ "b": 2}"#) == "{\n  \"a\": 1, \"b\": 2}")
    }

    @Test(arguments: [
        (#"{"a": 1, "b": {"a": 3}, "c": 2}"#, #"{"b": {"a": 3}, "c": 2}"#), (#"{"b": 1, "a": [2]}"#, #"{"b": 1}"#),
        (#"{ "a": 1 }"#, "{  }"), (#"{"b": 1, "a": 1, "a": 2}"#, #"{"b": 1}"#), (#"{"a": 1, "a": 2, "b": 1}"#, #"{"b": 1}"#),
        (#"{"a": 1, "b": 1, "a": 2, "c": 3, "a": 4}"#, #"{"b": 1, "c": 3}"#), (#"{"a": 1, "a": 2}"#, "{}"), (#"{"b": 1}"#, #"{"b": 1}"#),
    ])
    func removesMembersWithTheirCommas(_ text: String, _ expected: String) throws {
        #expect(try removing("a", from: text) == expected)
    }

    @Test(arguments: ["", "[]", "{", #"{"a": }"#, "{} {}"])
    func takesNothingButObjects(_ text: String) {
        #expect(JSONMembers(Array(text.utf8)) == nil)
    }
}
