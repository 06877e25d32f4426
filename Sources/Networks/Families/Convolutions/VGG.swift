import Checkpoints
import Text

/// VGG by torchvision's and timm's names, with and without batch norm: a plain chain, whose pools are where numbers are left out.
///
/// Source: torchvision's `vgg.py`, timm's `vgg.py`.
enum VGG {
    static let family = RunnableFamily(
        .vgg, modelTypes: [],
        assumption: { source, _ throws(Problem) in
            try StandardModels.assumption(source, unseen: "activations and pools", "ReLU and max pools of 2 are assumed")
        }
    ) { source throws(Problem) in
        let names = source.names
        func element(_ name: String) -> Architecture.Element { Architecture.Element(name) }
        var elements: [Architecture.Element] = []
        let parts = ImageParts(source)
        let numbers = Set(names.parts(ofBlocks: "features").map(\.block)).sorted()
        // A convolution, maybe its norm, a nonlinearity; then the next convolution, with a pool before it if it is one number further.
        for (place, number) in numbers.enumerated() {
            let full = try names.fullName("features.\(number).weight")
            elements.append(element(String(full.dropLast(".weight".count))))
            let isFilter = try isConvolution(source, full)
            let next = place + 1 < numbers.count ? numbers[place + 1] : nil
            if isFilter, let next, next == number + 1 { continue }
            elements.append(element("relu"))
            if next == nil || next == number + 3 {
                elements.append(try Architecture("maxpool(2)").elements[0])
            } else if next != number + 2 {
                throw Problem(
                    "is no part of a VGG that can be run", subject: "tensor '\(full)'",
                    expected: "'features.\(number + 2)' or later by one",
                    found: "'features.\(next ?? 0)'")
            }
        }
        func layer(_ module: String) throws(Problem) -> Architecture.Element {
            element(String(try names.fullName(module + ".weight").dropLast(".weight".count)))
        }
        if parts.has("pre_logits.fc1") {
            elements += [try layer("pre_logits.fc1"), element("relu"), try layer("pre_logits.fc2"), element("relu")]
            elements += [try Architecture("globalavgpool").elements[0], element("flatten"), try layer("head.fc")]
        } else {
            elements += [try Architecture("adaptiveavgpool(7)").elements[0], element("flatten")]
            elements += [try layer("classifier.0"), element("relu"), try layer("classifier.3"), element("relu"), try layer("classifier.6")]
        }
        return try Chain.network(of: source.checkpoint, try padded(Architecture(elements), source))
    }

    private static func isConvolution(_ source: FamilySource, _ name: String) throws(Problem) -> Bool {
        guard let shape = source.checkpoint[name]?.shape else {
            throw source.checkpoint.problem(ofTensor: name) ?? Problem("is missing", subject: "tensor '\(name)'")
        }
        return shape.count == 4
    }

    /// The features' convolutions with one place of padding around their images.
    private static func padded(_ architecture: Architecture, _ source: FamilySource) throws(Problem) -> Architecture {
        var elements: [Architecture.Element] = []
        for element in architecture.elements {
            var isFilter = false
            if element.name.contains("features.") { isFilter = try isConvolution(source, element.name + ".weight") }
            elements.append(isFilter ? try Architecture("\(element.name)(padding=1)").elements[0] : element)
        }
        return Architecture(elements)
    }
}
