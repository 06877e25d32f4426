import Text

/// Why a weight graph could not be clustered or measured.
extension Problem {
    /// A layer has weights that are not numbers or not finite.
    package static func nonFinite(layer: String, nan: Int, infinite: Int) -> Problem {
        Problem(
            "weights that are not finite", subject: "tensor '\(layer)'", expected: "numbers",
            found: "\(nan) NaN and \(infinite) infinite", hint: .leaveOutLayer(layer))
    }

    /// Two layers that should follow each other do not.
    package static func brokenChain(layer: String, columns: Int, previous: String, rows: Int) -> Problem {
        Problem(
            "does not follow '\(previous)'", subject: "tensor '\(layer)'", expected: "a multiple of \(rows) in-neurons",
            found: "\(columns)")
    }

    /// Given labels are not one for each neuron.
    package static func labelCount(layer: String, side: String, expected: Int, found: Int) -> Problem {
        Problem(
            "the clusters do not fit its \(side) side", subject: "tensor '\(layer)'", expected: "\(expected) neurons",
            found: "\(found)")
    }

    /// Given clusters say nothing of a layer.
    package static func missingLabels(layer: String) -> Problem {
        Problem("no clusters are given for it", subject: "tensor '\(layer)'")
    }

    /// The gradient method was not given a layer's similarities.
    package static func missingSimilarities(layer: String) -> Problem {
        Problem("no similarities are given for it", subject: "tensor '\(layer)'")
    }

    /// Similarities are not one for each neuron.
    package static func similarityCount(layer: String, expected: [Int], found: [Int]) -> Problem {
        Problem(
            "the similarities do not fit it", subject: "tensor '\(layer)'",
            expected: "\(expected[0]) out- and \(expected[1]) in-neurons", found: "\(found[0]) and \(found[1])")
    }

    /// No layer to look at.
    package static let noLayers = Problem("no weight matrix to process")
}
