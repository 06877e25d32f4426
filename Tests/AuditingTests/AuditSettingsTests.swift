import Modularity
import Testing
import Text

@testable import Auditing

@Suite struct AuditSettingsTests {
    private static let standard = AuditSettings(version: "1.2.3")

    /// Every setting with another value.
    private static let variants: [(name: String, settings: AuditSettings)] = {
        func with(_ change: (inout AuditSettings) -> Void) -> AuditSettings {
            var settings = standard
            change(&settings)
            return settings
        }
        return [
            ("version", with { $0.version = "1.2.4" }), ("method", with { $0.method = .bsgc }),
            ("alignment", with { $0.alignment = .unaligned }), ("coupling", with { $0.coupling = .chained }),
            ("counts", with { $0.counts = [2, 4] }), ("automatic", with { $0.counts = [] }), ("null", with { $0.nullSamples = 10 }),
            ("seed", with { $0.seed = .max }), ("layers", with { $0.layers = ["fc1.*", "!\"\n"] }),
            ("measure", with { $0.measure = .ncut }),
        ]
    }()

    @Test func readsWhatItWrote() throws {
        for settings in [Self.standard] + Self.variants.map(\.settings) {
            #expect(!settings.line.contains("\n"))
            #expect(try AuditSettings(line: settings.line) == settings)
        }
    }

    @Test func everySettingThatChangesARowChangesTheIdentity() {
        // One more property than this test varies would be one that nobody has decided about.
        #expect(Mirror(reflecting: Self.standard).children.count == 9)
        var identities: Set = [Self.standard.identity]
        for (name, settings) in Self.variants {
            #expect(identities.insert(settings.identity).inserted == (name != "measure"), "\(name)")
        }
    }

    @Test func refusesOtherLines() {
        let line = Self.standard.line
        for count in 0..<line.utf8.count {
            #expect(throws: Problem.self) { try AuditSettings(line: String(decoding: Array(line.utf8)[..<count], as: UTF8.self)) }
        }
        for (good, bad) in [
            ("\"k\":[4]", "\"k\":[0]"), ("\"seed\":\"0\"", "\"seed\":\"-1\""), ("\"cocluster\"", "\"other\""),
            ("\"null\":0", "\"null\":-1"),
        ] {
            #expect(throws: Problem.self) { try AuditSettings(line: line.replacing(good, with: bad)) }
        }
    }
}
