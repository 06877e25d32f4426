import Testing

@testable import ModinspectCommands

@Suite struct GivenConfigurationTests {
    private func merged(_ text: String) throws -> String {
        let merged = try GivenConfiguration(text).merged(into: nil)
        return merged.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Numbers are those that options take; what only Swift reads as a number is a word, which no setting of numbers takes.
    @Test(arguments: [
        ("eps=1e-5", "1e-05"), ("eps=0x1", "\"0x1\""), ("eps=inf", "\"inf\""), ("n_ctx=007", "7"), ("n_ctx=-3", "-3"),
        ("bias=true", "true"),
        ("act_fn=gelu", "\"gelu\""),
    ])
    func valuesAreJSON(text: String, json: String) throws {
        let name = text.split(separator: "=")[0]
        let found = try merged(text).filter { !$0.isWhitespace }
        #expect(found == "{\"\(name)\":\(json)}")
    }

    @Test func aPartWithoutANameIsRefused() {
        #expect(throws: (any Error).self) { try GivenConfiguration("eps=1,=2") }
        #expect(throws: (any Error).self) { try GivenConfiguration("eps=1,gelu") }
    }
}
