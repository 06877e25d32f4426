import Testing

@testable import Checkpoints

@Suite struct NamePairingTests {
    @Test func equal_names_go_before_names_without_prefixes() {
        #expect(NamePairing(["fc.weight", "model.fc.weight"], ["model.fc.weight", "fc.weight"]).partners == [1, 0])
        #expect(NamePairing(["a.weight", "b.weight"], ["module.b.weight", "_orig_mod.module.a.weight"]).partners == [1, 0])
        #expect(NamePairing(["transformer.h.0.w"], ["h.0.w"]).partners == [0])
    }

    @Test func what_is_not_certain_has_no_partner() {
        #expect(NamePairing(["fc.weight", "model.fc.weight"], ["module.fc.weight"]).partners == [nil, nil])
        #expect(NamePairing(["fc.weight"], ["module.fc.weight", "model.fc.weight"]).partners == [nil])
        #expect(NamePairing(["fc.weight", "model.fc.weight"], ["fc.weight"]).partners == [0, nil])
        #expect(NamePairing(["a"], ["b"]).partners == [nil])
        #expect(NamePairing([], ["b"]).partners == [])
    }
}
