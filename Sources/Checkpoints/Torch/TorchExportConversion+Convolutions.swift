import Text

extension TorchExportConversion {
    /// A convolution, or a transposed one, as the operation says or as `isTransposed`.
    mutating func convolution(_ node: Node, _ name: String, isTransposed: Bool = false) throws(Problem) -> String {
        let isTransposed = flag(node, "transposed") || isTransposed
        let (bias, filters) = (try optional(node, "bias"), try tensor(node, "weight"))
        let count = try rank(filters) - 2
        func pair(_ name: String, _ standard: Int) throws(Problem) -> [Int] {
            let numbers = try integers(node, name, [standard])
            return numbers.count == count ? numbers : [Int](repeating: numbers.first ?? standard, count: count)
        }
        let extra = try pair("output_padding", 0)
        let dilation = try pair("dilation", 1)
        var padding = try isTransposed ? [] : samePadding(node, dilation: dilation) ?? []
        if padding.isEmpty {
            let given = try pair("padding", 0)
            padding = given + given
        }
        var settings: [(String, ONNXGraphWriter.Attribute)] = [
            ("strides", .integers(try pair("stride", 1))), ("pads", .integers(padding)), ("dilations", .integers(dilation)),
            ("group", .integer(try integer(node, "groups", 1))),
        ]
        let rest = bias.isEmpty ? [] : [bias]
        guard isTransposed else { return add(name, "Conv", [try value(node, "input"), try value(node, "weight")] + rest, settings) }
        settings.append(("output_padding", .integers(extra)))
        // The checkpoint has the filters as the program does, not as a file of ONNX would have them.
        let weight = writer.add("Reshape", [try value(node, "weight"), writer.constant([Int](repeating: 0, count: count + 2))])
        return add(name, "ConvTranspose", [try value(node, "input"), weight] + rest, settings)
    }

    /// Blocks of channels as places of larger images: y[c, i r + k, j r + l] = x[c r^2 + k r + l, i, j].
    mutating func pixelShuffle(_ node: Node, _ name: String) throws(Problem) -> String {
        guard try rank(tensor(node, "self")) == 4 else { throw Problem("is of no batch of images") }
        return add(
            name, "DepthToSpace", [try value(node, "self")],
            [("blocksize", .integer(try integer(node, "upscale_factor"))), ("mode", .text("CRD"))])
    }

    /// Each channel of each sample without its mean, divided by its standard deviation.
    mutating func instanceNorm(_ node: Node, _ name: String) throws(Problem) -> String {
        // A mean over time is kept with it, which nothing reads.
        node.reads.names.insert("momentum")
        guard flag(node, "use_input_stats") else { throw Problem("uses statistics that it has kept, which is not run") }
        let (input, epsilon) = (try tensor(node, "input"), Float(real(node, "eps", 1e-5)))
        guard let channels = program.shapes[input]?.dropFirst().first.flatMap(\.self) else {
            throw Problem("has no fixed number of channels")
        }
        var (weight, bias) = (try optional(node, "weight"), try optional(node, "bias"))
        if weight.isEmpty { weight = writer.constant([Float](repeating: 1, count: channels)) }
        if bias.isEmpty { bias = writer.constant([Float](repeating: 0, count: channels)) }
        return add(name, "InstanceNormalization", [try value(node, "input"), weight, bias], [("epsilon", .real(epsilon))])
    }

    /// Sums of products over named dimensions.
    mutating func einsum(_ node: Node, _ name: String) throws(Problem) -> String {
        guard case .text(let equation)? = node["equation"]?.setting else { throw Problem("has no equation") }
        var inputs: [String] = []
        for tensor in node["tensors"]?.tensors ?? [] {
            guard let value = values[tensor] else { throw Problem("reads what nothing makes", found: "'\(tensor)'") }
            inputs.append(value)
        }
        return add(name, "Einsum", inputs, [("equation", .text(equation))])
    }
}
