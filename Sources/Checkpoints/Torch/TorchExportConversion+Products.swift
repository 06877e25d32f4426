import Text

/// Sums of products of more than two factors, and distances of rows.
extension TorchExportConversion {
    /// - Returns: the value of such an operation; nil for others.
    mutating func product(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "bilinear":
            // y_o = sum over i and j of x_i W_oij z_j + b_o, where a letter is for each dimension before the last.
            let rank = try rank(tensor(node, "input1"))
            guard (1...8).contains(rank) else { throw Problem("has factors of so many dimensions", found: "\(rank)") }
            let front = String("abcdefgh".prefix(rank - 1))
            let factors = [try value(node, "input1"), try value(node, "weight"), try value(node, "input2")]
            let made = writer.add("Einsum", factors, [("equation", .text("\(front)x,zxy,\(front)y->\(front)z"))])
            guard node["bias"]?.tensor != nil else { return made }
            return add(name, "Add", [made, try value(node, "bias")])
        case "_trilinear": return try trilinear(node, name)
        case "cdist", "_cdist_forward", "_euclidean_dist":
            let (first, second) = (try rank(tensor(node, "x1")), try rank(tensor(node, "x2")))
            guard first >= 2, second >= 2 else { throw Problem("measures distances of what are no rows") }
            let order = real(node, "p", 2)
            let norms = [1: "ReduceL1", 2: "ReduceL2", .infinity: "ReduceMax"]
            guard let norm = norms[order] else {
                throw Problem("is a norm of another order than is run", expected: "1, 2 or infinity", found: "\(order)")
            }
            // How PyTorch computes it shows in the last digits alone.
            node.reads.names.insert("compute_mode")
            let rows = writer.add("Unsqueeze", [try value(node, "x1"), writer.constant([first - 1])])
            let others = writer.add("Unsqueeze", [try value(node, "x2"), writer.constant([second - 2])])
            var differences = writer.add("Sub", [rows, others])
            if norm == "ReduceMax" { differences = writer.add("Abs", [differences]) }
            return add(name, norm, [differences, writer.constant([-1])], [("keepdims", .integer(0))])
        default: return nil
        }
    }

    /// The product of three tensors that are given further dimensions, summed over some.
    private mutating func trilinear(_ node: Node, _ name: String) throws(Problem) -> String {
        let sums = try integers(node, "sumdim")
        let total = try rank(tensor(node, "i1")) + integers(node, "expand1").count
        guard (1...8).contains(total), sums.allSatisfy((0..<total).contains) else { throw Problem("has dimensions that are not there") }
        let letters = Array("abcdefgh".prefix(total))
        var inputs: [String] = []
        var terms: [String] = []
        for place in 1...3 {
            let added = try integers(node, "expand\(place)")
            let own = letters.indices.filter { !added.contains($0) }.map { letters[$0] }
            guard own.count == (try rank(tensor(node, "i\(place)"))) else { throw Problem("has dimensions that are not there") }
            inputs.append(try value(node, "i\(place)"))
            terms.append(String(own))
        }
        // In how many pieces it is computed changes no number.
        node.reads.names.insert("unroll_dim")
        let left = String(letters.indices.filter { !sums.contains($0) }.map { letters[$0] })
        return add(name, "Einsum", inputs, [("equation", .text(terms.joined(separator: ",") + "->" + left))])
    }
}
