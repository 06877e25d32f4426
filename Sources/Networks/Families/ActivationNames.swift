import Text

extension Activation.Function {
    /// The function that a setting names, as in transformers' `ACT2FN`; `standard` if there is no setting.
    ///
    /// - Throws: ``Problem`` for a name that is not known here.
    init(_ settings: Configuration, _ names: String..., standard: String) throws(Problem) {
        var found: (name: String, word: String) = (names.first ?? "", standard)
        for name in names {
            guard let word = try settings.text(name) else { continue }
            found = (name, word)
            break
        }
        guard let function = Self.named[found.word] else {
            throw settings.problem("is not known", found.name, expected: "one of \(Self.named.keys.sorted().joined(separator: ", "))")
        }
        self = function
    }

    /// Several of the library's names are ways to compute one function.
    private static let named: [String: Activation.Function] = [
        "relu": .relu, "gelu": .gelu, "gelu_python": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh, "gelu_accurate": .geluTanh,
        "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh, "silu": .silu, "swish": .silu, "tanh": .tanh, "sigmoid": .sigmoid,
    ]
}
