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

    @Test func a_name_is_found_by_its_unique_ending() {
        #expect(NamePairing(["fc1.weight", "fc2.weight"], ["net.fc2.weight", "net.fc1.weight"]).partners == [1, 0])
        #expect(NamePairing(["net.fc2.weight"], ["fc1.weight", "fc2.weight"]).partners == [1])
        #expect(NamePairing(["fc2.weight"], ["a.fc2.weight", "b.fc2.weight"]).partners == [nil])
        #expect(NamePairing(["a.fc2.weight", "b.fc2.weight"], ["fc2.weight"]).partners == [nil, nil])
        #expect(NamePairing(["2.weight"], ["fc2.weight"]).partners == [nil])
        #expect(NamePairing(["weight"], ["fc2.weight"]).partners == [nil])
    }

    @Test func fronts_that_all_names_of_a_model_have_do_not_count() {
        #expect(
            NamePairing(["net.fc1.weight", "net.fc2.weight"], ["encoder.body.fc2.weight", "encoder.body.fc1.weight"]).partners == [1, 0])
        // What differs inside a model is not a common prefix.
        #expect(NamePairing(["net.fc1.weight", "head.weight"], ["body.fc1.weight", "body.fc2.weight"]).partners == [nil, nil])
        #expect(NamePairing(["a.x.weight"], ["b.x.weight"]).partners == [nil])
    }
}
