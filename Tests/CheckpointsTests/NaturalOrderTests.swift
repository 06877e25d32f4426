import Testing

@testable import Checkpoints

@Suite struct NaturalOrderTests {
    @Test(arguments: [
        ("h.2.w", "h.10.w"), ("a", "b"), ("a", "a1"), ("a1", "a1b"), ("x9", "x10"), ("a.01", "a.1"),
        ("a99999999999999999999998", "a99999999999999999999999"), ("layer.1.b", "layer.1.w"), ("", "a"),
    ])
    func precedes(_ first: String, _ second: String) {
        #expect(first.precedesNaturally(second))
        #expect(!second.precedesNaturally(first))
        #expect(!first.precedesNaturally(first))
    }
}
