import Text

/// Operations of one output that read at most lists of numbers.
extension WordOperations {
    /// Functions of one number; ONNX has them by the same names.
    static let curves: [String: ElementCurve.Function] = [
        "neg": .negative, "abs": .absolute, "sqrt": .squareRoot, "exp": .exponential, "log": .logarithm, "erf": .error, "sin": .sine,
        "cos": .cosine, "reciprocal": .reciprocal, "tan": .tangent, "asin": .arcSine, "acos": .arcCosine, "atan": .arcTangent,
        "sinh": .hyperbolicSine, "cosh": .hyperbolicCosine, "asinh": .areaSine, "acosh": .areaCosine, "atanh": .areaTangent,
    ]

    static func detach(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        try SettingsReader(element).end()
        try graph.add(graph.site(element), Detachment(), [graph.current], for: element)
    }

    static func upsample(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let (rows, columns) = try settings.pair("size", default: nil, minimum: 1, isPositional: true)
        try settings.end()
        try graph.add(graph.site(element), Upsampling(rows: rows, columns: columns), [graph.current], for: element)
    }

    /// A norm of groups of channels, or of each channel, whose tensors may be none, or columns that an exporter made of the lists.
    static func groupNorm(_ graph: inout WordGraph, _ element: Element, isOfChannels: Bool) throws(Problem) {
        var settings = SettingsReader(element)
        let operation =
            isOfChannels
            ? GroupNorm(groups: nil, epsilon: try settings.real("eps", default: 1e-5))
            : try ChainOperations.groupNorm(&settings, channels: graph.channels)
        var parameters = try tensors(["weight", "bias"], &settings, graph, element)
        try settings.end()
        if !parameters.isEmpty, !element.settings.contains(where: { $0.name == "weight" }) {
            throw graph.failure("has no weight", element, expected: "weight=TENSOR beside bias")
        }
        for place in parameters.indices where parameters[place].shape.dropFirst().allSatisfy({ $0 == 1 }) {
            parameters[place].shape = Array(parameters[place].shape.prefix(1))
        }
        try graph.add(graph.site(element), operation, [graph.current], parameters: parameters, for: element)
    }
}
