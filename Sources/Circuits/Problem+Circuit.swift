import Text

extension Problem {
    /// - Parameter subject: a layer, an option or a data set; nil if it is the whole model.
    init(_ subject: String?, _ what: String, expected: String? = nil, found: String? = nil, hint: Hint? = nil) {
        self.init(what, subject: subject, expected: expected, found: found, hint: hint)
    }

    /// A number that is none.
    static func notFinite(_ what: String, _ value: Double, where culprits: String) -> Problem {
        Problem(
            "\(what) is not a number: \(culprits) are not finite", expected: "a finite number", found: value.isNaN ? "nan" : "\(value)")
    }
}
