import Text

extension TorchExportConversion {
    /// softmax(scale q k^T) v, with a mask of what comes later where it is causal.
    mutating func attention(_ node: Node, _ name: String) throws(Problem) -> String {
        let query = try tensor(node, "query")
        guard real(node, "dropout_p", 0) == 0, !flag(node, "enable_gqa"), let shape = program.shapes[query], shape.count >= 2 else {
            throw Problem("has a setting that is not run")
        }
        var order = Array(0..<shape.count)
        order.swapAt(shape.count - 2, shape.count - 1)
        let turned = writer.add("Transpose", [try value(node, "key")], [("perm", .integers(order))])
        let products = writer.add("MatMul", [try value(node, "query"), turned], output: writer.unused(name + ".products"))
        let scale: String
        if let width = shape.last ?? nil, width > 0 {
            scale = writer.constant(Float(real(node, "scale", 1 / Double(width).squareRoot())))
        } else if let argument = node["scale"], !argument.isNone {
            scale = writer.constant(Float(real(node, "scale", 1)))
        } else {
            // A width that the code of a trace does not say.
            let lengths = writer.add("Shape", [try value(node, "query")])
            let width = writer.add("Gather", [lengths, writer.constant(shape.count - 1)], [("axis", .integer(0))])
            scale = writer.add("Div", [writer.constant(Float(1)), writer.add("Sqrt", [writer.cast(width, to: .float)])])
        }
        var scores = writer.add("Mul", [products, scale], output: writer.unused(name + ".scores"))
        if flag(node, "is_causal") {
            var places: [String] = []
            for (side, part) in ["query", "key"].enumerated() {
                let lengths = writer.add("Shape", [try value(node, part)])
                let length = writer.add("Gather", [lengths, writer.constant(shape.count - 2)], [("axis", .integer(0))])
                let range = writer.add("Range", [writer.constant(0), length, writer.constant(1)])
                places.append(writer.add("Unsqueeze", [range, writer.constant([1 - side])]))
            }
            let later = writer.add("Greater", [places[1], places[0]])
            scores = writer.add("Where", [later, writer.constant(-Float.infinity), scores], output: writer.unused(name + ".masked"))
        }
        if node["attn_mask"]?.tensor != nil {
            let mask = try value(node, "attn_mask")
            let isOfTruthValues = program.wholeNumbers.contains(try tensor(node, "attn_mask"))
            scores =
                isOfTruthValues
                ? writer.add("Where", [mask, scores, writer.constant(-Float.infinity)], output: writer.unused(name + ".masked"))
                : writer.add("Add", [scores, mask], output: writer.unused(name + ".masked"))
        }
        let pattern = writer.add("Softmax", [scores], [("axis", .integer(-1))], output: writer.unused(name + ".pattern"))
        return add(name, "MatMul", [pattern, try value(node, "value")])
    }
}
