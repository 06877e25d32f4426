import Text

extension TorchExportConversion {
    /// An operation that changes the shape alone, or picks some of the numbers; nil for any other.
    mutating func reshaped(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "view", "reshape", "_unsafe_view":
            return add(name, "Reshape", [try value(node, "self"), try shape(symbols(node, node["size"] == nil ? "shape" : "size"))])
        case "reshape_as", "view_as":
            return add(name, "Reshape", [try value(node, "self"), writer.add("Shape", [try value(node, "other")])])
        case "flatten":
            let tensor = try tensor(node, "self")
            let (first, last) = (try axis(node, "start_dim", of: tensor, 0), try axis(node, "end_dim", of: tensor, -1))
            let rank = try rank(tensor)
            if last == rank - 1 {
                if first == 1 { return add(name, "Flatten", [try value(node, "self")], [("axis", .integer(1))]) }
                let lengths = [Int](repeating: 0, count: first) + [-1]
                return add(name, "Reshape", [try value(node, "self"), writer.constant(lengths)])
            }
            guard first <= last else { throw Problem("flattens no dimensions", found: "\(first) to \(last)") }
            return try reshaped(node, name, replacing: first...last, with: [.number(-1)])
        case "unflatten":
            let axis = try axis(node, "dim", of: tensor(node, "self"))
            return try reshaped(node, name, replacing: axis...axis, with: symbols(node, "sizes"))
        case "permute":
            let rank = try rank(tensor(node, "self"))
            let order = try integers(node, "dims").map { $0 < 0 ? $0 + rank : $0 }
            return add(name, "Transpose", [try factor(node, "self")], [("perm", .integers(order))])
        case "transpose", "t", "numpy_T":
            let tensor = try tensor(node, "self")
            var order = Array(0..<(try rank(tensor)))
            if node.name == "transpose" {
                order.swapAt(try axis(node, "dim0", of: tensor), try axis(node, "dim1", of: tensor))
            } else {
                order.reverse()
            }
            return add(name, "Transpose", [try factor(node, "self")], [("perm", .integers(order))])
        case "unsqueeze":
            let axis = try axis(node, "dim", of: tensor(node, "self"), extra: 1)
            return add(name, "Unsqueeze", [try value(node, "self"), writer.constant([axis])])
        case "as_strided":
            // The input itself, if its numbers are stored in just that way.
            let tensor = try tensor(node, "self")
            let (sizes, steps) = (try symbols(node, "size"), try symbols(node, "stride"))
            guard let shape = program.shapes[tensor], let own = program.strides[tensor], shape.count == sizes.count,
                own.count == sizes.count, steps.count == sizes.count, try integer(node, "storage_offset", 0) == 0,
                shape.indices.allSatisfy({ axis in
                    let isOwn = if case .number(let length) = sizes[axis] { shape[axis] == length } else { shape[axis] == nil }
                    let isNext = if case .number(let step) = steps[axis] { own[axis] == step } else { false }
                    return isOwn && (isNext || shape[axis] == 1)
                })
            else { throw Problem("reads memory in another order than the tensor has, which is not run") }
            return try value(node, "self")
        case "squeeze":
            let tensor = try tensor(node, "self")
            guard let shape = program.shapes[tensor] else { throw Problem("reads a tensor without a shape", found: "'\(tensor)'") }
            // Of those that are named, all where none is, the dimensions of one entry.
            let given = node["dim"].map(\.isNone) ?? true ? Array(shape.indices) : try integers(node, "dim")
            let axes = given.map { $0 < 0 ? $0 &+ shape.count : $0 }.filter { !shape.indices.contains($0) || shape[$0] == 1 }
            let isOfOneSample = program.userInputs.contains { program.shapes[$0]?.first == 1 }
            guard !axes.contains(0) || !sampled.contains(tensor) || !isOfOneSample || given.count == 1 else {
                throw Problem("leaves the dimension of the samples out", expected: "an export of several samples, or of an open number")
            }
            guard !axes.isEmpty else { return try value(node, "self") }
            return add(name, "Squeeze", [try value(node, "self"), writer.constant(axes)])
        case "expand":
            let lengths = try symbols(node, "size").map { symbol -> Symbol in
                // The length that is there.
                if case .number(-1) = symbol { .number(1) } else { symbol }
            }
            return add(name, "Expand", [try value(node, "self"), try shape(lengths)])
        case "expand_as":
            return add(name, "Expand", [try value(node, "self"), writer.add("Shape", [try value(node, "other")])])
        case "select":
            let axis = try axis(node, "dim", of: tensor(node, "self"))
            return add(name, "Gather", [try value(node, "self"), writer.constant(try integer(node, "index"))], [("axis", .integer(axis))])
        case "slice":
            let axis = try axis(node, "dim", of: tensor(node, "self"), 0)
            let zero = writer.constant([0])
            let start = writer.add("Unsqueeze", [try length(node, "start", 0), zero])
            let end = writer.add("Unsqueeze", [try length(node, "end", Int(Int32.max)), zero])
            let step = writer.constant([try integer(node, "step", 1)])
            return add(name, "Slice", [try value(node, "self"), start, end, writer.constant([axis]), step])
        default: return nil
        }
    }

    /// A tensor with other lengths in the place of some.
    mutating func reshaped(
        _ node: Node, _ name: String, replacing axes: ClosedRange<Int>, with lengths: [Symbol]
    ) throws(Problem) -> String {
        let (x, tensor) = (try value(node, "self"), try tensor(node, "self"))
        let front = [Symbol](repeating: .number(0), count: axes.lowerBound)
        let rest = program.shapes[tensor]?.dropFirst(axes.upperBound + 1) ?? []
        // A length of 0 would stand for that of the input.
        if rest.allSatisfy({ $0.map { $0 > 0 } ?? false }) {
            return add(name, "Reshape", [x, try shape(front + lengths + rest.compactMap { $0 }.map { .number($0) })])
        }
        let last = writer.add("Shape", [x], [("start", .integer(axes.upperBound + 1))])
        return add(name, "Reshape", [x, writer.add("Concat", [try shape(front + lengths), last], [("axis", .integer(0))])])
    }

    /// Entries of one dimension by their numbers.
    mutating func entries(_ node: Node, _ name: String) throws(Problem) -> String {
        let axis: Int
        let numbers: String
        if node.name == "index_select" {
            axis = try self.axis(node, "dim", of: tensor(node, "self"))
            numbers = try tensor(node, "index")
        } else {
            let lists = node["indices"]?.optionalTensors ?? node["indices"]?.tensors?.map { $0 } ?? []
            let given = lists.indices.filter { lists[$0] != nil }
            if given.count > 1, let first = given.first, given == Array(first..<first + given.count) {
                return try entries(node, name, from: first, of: given.compactMap { lists[$0] })
            }
            guard given.count == 1, let place = given.first, let own = lists[place] else {
                throw Problem("looks entries up by several lists", expected: "one, or several side by side", found: "\(given.count)")
            }
            axis = place
            numbers = own
        }
        return add(name, "Gather", [try value(node, "self"), try places(numbers)], [("axis", .integer(axis))])
    }

    /// The value of a list of entries.
    ///
    /// - Throws: ``Problem`` for a mask; bytes are masks too.
    func places(_ list: String) throws(Problem) -> String {
        let type = program.types[list].flatMap(TorchType.init)
        guard type != .bool, type != .uint8 else {
            throw Problem("keeps what a mask selects: the size of its output depends on the data")
        }
        guard let value = values[list] else { throw Problem("reads what nothing makes", found: "'\(list)'") }
        return value
    }

    /// An operation of several outputs, each a part of its input.
    ///
    /// - Returns: whether it is one.
    mutating func convertSeveral(_ node: Node) throws(Problem) -> Bool {
        switch node.name {
        case "split", "split_with_sizes", "chunk":
            let axis = try axis(node, "dim", of: tensor(node, "self"), 0)
            var start = 0
            for output in node.outputs {
                guard let shape = program.shapes[output], shape.indices.contains(axis), let length = shape[axis] else {
                    throw Problem("has parts whose length is not fixed")
                }
                values[output] = add(
                    output, "Slice",
                    [
                        try value(node, "self"), writer.constant([start]), writer.constant([start &+ length]), writer.constant([axis]),
                        writer.constant([1]),
                    ])
                start &+= length
            }
            return true
        case "unbind":
            let axis = try axis(node, "dim", of: tensor(node, "self"), 0)
            for (place, output) in node.outputs.enumerated() {
                values[output] = add(output, "Gather", [try value(node, "self"), writer.constant(place)], [("axis", .integer(axis))])
            }
            return true
        case "max", "min":
            guard node["dim"] != nil else { return false }
            try extremes(node)
            return true
        case "adaptive_max_pool1d", "adaptive_max_pool2d":
            try adaptiveMaximum(node)
            return true
        case "embedding_bag", "_embedding_bag", "_embedding_bag_forward_only":
            try embeddingBag(node)
            return true
        case "var_mean", "std_mean":
            try deviationAndMean(node)
            return true
        case "_native_batch_norm_legit":
            try ownBatchNorm(node)
            return true
        default: return false
        }
    }
}
