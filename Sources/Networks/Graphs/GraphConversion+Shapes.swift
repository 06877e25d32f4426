import Checkpoints
import Tensors
import Text

extension GraphConversion {
    /// Operators that move numbers, choose among them, or reduce them.
    static let shaping: [String: Operator] = {
        let operators: [String: Operator] = [
            "Reshape": { conversion, _, node in [try conversion.reshape(node)] },
            "Flatten": { conversion, _, node in [try conversion.flatten(node)] },
            "Transpose": { conversion, _, node in [try conversion.transpose(node)] },
            "Concat": { conversion, _, node in [try conversion.concat(node)] },
            "Split": { conversion, _, node in try conversion.split(node) },
            "Slice": { conversion, _, node in [try conversion.slice(node)] },
            "Gather": { conversion, _, node in [try conversion.gather(node)] },
            "GatherElements": { conversion, index, node in [try conversion.elements(node, index)] },
            "ScatterND": { conversion, _, node in [try conversion.scattered(node)] },
            "GatherND": { conversion, _, node in [try conversion.gatherRows(node)] },
            "Expand": { conversion, _, node in [try conversion.expand(node)] },
            "Trilu": { conversion, index, node in [try conversion.triangle(node, index)] },
            "Tile": { conversion, _, node in [try conversion.tile(node)] },
            "Resize": { conversion, _, node in [try conversion.resize(node)] },
            "DepthToSpace": { conversion, _, node in [try conversion.blocks(node, toPlaces: true)] },
            "SpaceToDepth": { conversion, _, node in [try conversion.blocks(node, toPlaces: false)] },
            "CumSum": { conversion, _, node in
                try node.checkAttributes("exclusive", "reverse")
                guard let given = try conversion.setting(node, 1, "axis")?.integers.first,
                    let axis = GraphFolding.axis(given, try conversion.required(node, 0).shapes[0].count)
                else { throw Problem("has no such dimension") }
                let (isExclusive, isReversed) = (node.integer("exclusive") ?? 0 != 0, node.integer("reverse") ?? 0 != 0)
                return [try conversion.apply(RunningSum(axis: axis, isExclusive: isExclusive, isReversed: isReversed), node)]
            },
            "ArgMax": { conversion, _, node in [try conversion.extremePlace(node, isLargest: true)] },
            "ArgMin": { conversion, _, node in [try conversion.extremePlace(node, isLargest: false)] },
            "Col2Im": { conversion, _, node in [try conversion.overlappedWindows(node)] },
            "Einsum": { conversion, _, node in [try conversion.einsum(node)] },
            "Pad": { conversion, _, node in [try conversion.pad(node)] },
            "Unsqueeze": { conversion, _, node in
                try node.checkAttributes("axes")
                let input = try conversion.required(node, 0)
                let axes = try conversion.setting(node, 1, "list of axes")?.integers ?? node.integers("axes") ?? []
                let shapes = input.shapes.compactMap { GraphFolding.unsqueezed($0, axes) }
                return [try conversion.reshaped(input, to: shapes, conversion.site(node))]
            },
            "Squeeze": { conversion, _, node in
                try node.checkAttributes("axes")
                let input = try conversion.required(node, 0)
                let axes = try conversion.setting(node, 1, "list of axes")?.integers ?? node.integers("axes")
                let shapes = input.shapes.compactMap { GraphFolding.squeezed($0, axes) }
                return [try conversion.reshaped(input, to: shapes, conversion.site(node))]
            },
        ]
        return operators
    }()

    /// A value in other shapes of as many elements, one for each probe.
    mutating func reshaped(_ value: GraphValue, to shapes: [[Int]], _ name: String) throws(Problem) -> GraphValue {
        guard shapes.count == value.shapes.count else {
            throw Problem("the shape does not hold the elements", found: words(value.shapes.first ?? []))
        }
        // Tokens are what embeddings read, and matrices what products multiply by, as they are.
        if shapes == value.shapes, value.site != nil || value.parameter != nil { return value }
        if isRepeated(value) { return try reshaped(repeatedApart(value, "\(name).input"), to: shapes, name) }
        if let stored = value.parameter, !stored.type.isWhole, let parameter = parameter(stored, shape: shapes[0]),
            shapes.allSatisfy({ $0 == shapes[0] })
        {
            // A stored tensor in another shape is one too; a number without dimensions would be a setting. The same shape is asked for by a
            // product that reads a matrix as it is stored.
            if !shapes[0].isEmpty, shapes[0] != stored.shape || stored.shape.count != 2 {
                let reshaped = ONNXModel.Stored(
                    tensor: stored.tensor, shape: shapes[0], type: stored.type, isTransposed: false, isLearned: stored.isLearned)
                return GraphValue(source: .parameter(reshaped), type: value.type, shapes: shapes)
            }
            return try add(name, StoredValues(), parameters: [parameter])
        }
        let site = try site(of: value, for: name)
        if model.isOfTensorFlow, let origin = origin(of: site, with: shapes) {
            return GraphValue(source: .node(origin), type: value.type, shapes: shapes)
        }
        if let norm = try groupNorm(of: site, as: shapes, name) { return norm }
        guard let template = template(shapes, input: value.shapes) else {
            throw Problem("the shape depends on the batch in a way that is not followed", found: shapes.map(words).joined(separator: ", "))
        }
        // The plain flattening is known elsewhere as what it is.
        let isFlat = shapes[0].count == 2 && value.shapes[0].count > 2 && zip(shapes, value.shapes).allSatisfy { $0[0] == $1[0] }
        let made = try add(name, isFlat ? Flatten() as any Operation : Reshape(template), [site], type: value.type)
        if let site = made.site { try followSamples(site, shapes, reshaped: value) }
        return made
    }

    /// What a site was reshaped from, where that had the shapes already.
    private func origin(of site: String, with shapes: [[Int]]) -> String? {
        var name = site
        for _ in 0..<8 {
            guard let node = graph.nodes.last(where: { $0.name == name }), node.operation is Reshape || node.operation is Flatten,
                let before = node.inputs.first
            else { return nil }
            if shapesOfSites[before] == shapes { return before }
            name = before
        }
        return nil
    }

    private mutating func reshape(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("allowzero", "shape")
        let input = try required(node, 0)
        let wanted: [[Int]]
        if let list = node.integers("shape") {
            wanted = [list]
        } else {
            guard let numbers = numbers(try required(node, 1), isSetting: true) else {
                throw Problem("the shape is computed from the data, which is not followed")
            }
            wanted = numbers.map(\.integers)
        }
        let allowsZero = node.integer("allowzero") ?? 0 != 0
        if wanted.count == 1, let shapes = samplesRestored(input, to: wanted[0], allowsZero: allowsZero) {
            if let layer = try layerOnDimensions(node, input, to: shapes) { return layer }
            return try reshaped(input, to: shapes, site(node))
        }
        var shapes: [[Int]] = []
        for (place, shape) in input.shapes.enumerated() {
            var lengths = wanted.count == 1 ? wanted[0] : wanted[place]
            if GraphFolding.reshaped(shape, to: lengths, allowsZero) == nil || isOfOneSample(lengths, shape) {
                // A file for a fixed number of samples says it where others say that of the batch.
                if let fixedSamples, lengths.first == fixedSamples { lengths[0] = probes[place].samples }
            }
            guard let filled = GraphFolding.reshaped(shape, to: lengths, allowsZero) else {
                if wanted.count == 1, input.fixedShape == nil {
                    throw Problem(
                        fixedSamples.map { "the export joins its \($0) samples with another dimension, and runs on no other number" }
                            ?? "the export has fixed the number of samples or positions, which the graph's input leaves open",
                        expected: "a shape for \(words(shape))", found: "\(lengths)",
                        hint: "torch.onnx.export with dynamo=True and dynamic_shapes leaves them open")
                }
                throw Problem("the shape does not hold the elements", expected: words(shape), found: "\(lengths)")
            }
            shapes.append(filled)
        }
        if let layer = try layerOnDimensions(node, input, to: shapes) { return layer }
        return try reshaped(input, to: shapes, site(node))
    }

    /// Whether a shape for the fixed number of samples would move samples into another dimension: `1, -1` of what begins with the samples.
    private func isOfOneSample(_ lengths: [Int], _ shape: [Int]) -> Bool {
        guard let fixedSamples, lengths.first == fixedSamples, let own = shape.first else { return false }
        return lengths.contains(-1) && probes.contains { $0.samples == own }
    }

    private mutating func flatten(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.flattenedAxis(node.integer("axis") ?? 1, rank) else { throw Problem("has no such dimension") }
        return try reshaped(input, to: input.shapes.map { [$0[..<axis].reduce(1, *), $0[axis...].reduce(1, *)] }, site(node))
    }

    private mutating func transpose(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("perm")
        let input = try required(node, 0)
        let order = node.integers("perm") ?? Array(input.shapes[0].indices.reversed())
        // A stored matrix is the same tensor, read the other way round.
        if let stored = input.parameter, stored.shape.count == 2, order == [1, 0] {
            let turned = ONNXModel.Stored(
                tensor: stored.tensor, shape: [stored.shape[1], stored.shape[0]], type: stored.type, isTransposed: !stored.isTransposed)
            return GraphValue(source: .parameter(turned), type: input.type, shapes: probes.map { _ in turned.shape })
        }
        return try apply(Rearrangement(.transposed(order)), node)
    }

    private mutating func concat(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        if let own = entryOfEachSample(joinedBy: node) { return own }
        var inputs: [GraphValue] = []
        for place in node.inputs.indices { inputs.append(try required(node, place)) }
        guard let first = inputs.first, let axis = GraphFolding.axis(node.integer("axis") ?? 0, first.shapes[0].count) else {
            throw Problem("has no such dimension")
        }
        if inputs.count == 1, first.site != nil { return first }
        var sites: [String] = []
        let samples = inputs.first {
            $0.shapes.indices.allSatisfy { place in inputs[0].shapes.count > place } && $0.shapes[0].first == probes[0].samples
        }
        let joined = inputs.compactMap(samplePlace).first { $0.axis != axis }
        for (place, input) in inputs.enumerated() {
            if let joined, joined.axis == 0, joined.factors.allSatisfy({ $0 == 1 }), let once = onceForEachSample(input) {
                sites.append(try repeated(once, site(node, "\(place)")))
                continue
            }
            var input = input
            if let joined { input = try alongSamples(input, beside: joined, self.site(node, "\(place)")) }
            var site = try site(of: input, for: site(node, "\(place)"))
            // What a file for one sample has once, a batch has once for each.
            if axis > 0, fixedSamples == 1, let samples, input.shapes.allSatisfy({ $0.first == 1 }), samples.shapes[0].first != 1,
                let template = template(probes.indices.map { [probes[$0].samples] + input.shapes[$0].dropFirst() })
            {
                site = try add(self.site(node, "\(place).samples"), Rearrangement(.repeated(template)), [site], type: input.type).site!
            }
            sites.append(site)
        }
        return try add(site(node), Concatenation(axis: axis), sites, type: first.type)
    }

    private mutating func split(_ node: ONNXModel.Node) throws(Problem) -> [GraphValue] {
        try node.checkAttributes("axis", "split", "num_outputs")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? 0, rank), rank > 0 else { throw Problem("has no such dimension") }
        let count = node.outputs.count
        if let parts = node.integer("num_outputs"), parts != count {
            throw Problem("has a number of parts that is not that of its outputs", expected: "\(count)", found: "\(parts)")
        }
        let lengths: [Int]
        if let given = try setting(node, 1, "list of lengths")?.integers ?? node.integers("split") {
            lengths = given
        } else {
            guard let whole = ShapeTemplate.Length(input.shapes.map { $0[axis] }, probes),
                case .number(let length, false, false, 0) = whole,
                count > 0
            else { throw Problem("splits a dimension whose length depends on the batch") }
            let part = (length + count - 1) / count
            lengths = (0..<count).map { max(0, min(part, length - $0 * part)) }
        }
        let most = input.shapes[0][axis]
        guard lengths.count == count, lengths.allSatisfy({ $0 >= 0 && $0 <= most }),
            input.shapes.allSatisfy({ $0[axis] == lengths.reduce(0, +) })
        else {
            throw Problem("the parts are not the whole", expected: "\(input.shapes[0][axis])", found: "\(lengths)")
        }
        var start = 0
        var parts: [GraphValue] = []
        if rank == 1, let known = numbers(input) {
            // Numbers that are known, such as how much is padded.
            for length in lengths {
                let lists = known.map { GraphNumbers([length], Array($0.values[start..<start + length])) }
                parts.append(GraphValue(source: .numbers(lists), type: input.type, shapes: probes.map { _ in [length] }))
                start += length
            }
            return parts
        }
        let site = try site(of: input, for: site(node))
        for (place, length) in lengths.enumerated() {
            let kind = Rearrangement.Kind.sliced(axis: axis, first: start, end: start + length, step: 1)
            let operation: any Operation = axis == rank - 1 && rank > 1 ? Slice(start: start, length: length) : Rearrangement(kind)
            parts.append(try add(self.site(node, "\(place)"), operation, [site], type: input.type))
            start += length
        }
        return parts
    }

    private mutating func slice(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("starts", "ends", "axes")
        let input = try required(node, 0)
        var lists: [[GraphNumbers]?] = []
        for place in node.inputs.indices {
            guard place > 0, let value = try value(node, place) else {
                lists.append(nil)
                continue
            }
            guard let numbers = numbers(value, isSetting: true) else {
                throw Problem("its bounds are computed from the data, which is not followed")
            }
            lists.append(numbers)
        }
        var cuts: [[(axis: Int, first: Int, end: Int, step: Int)]] = []
        for probe in probes.indices {
            let read = lists.map { $0.map { $0.count == 1 ? $0[0] : $0[probe] } }
            guard let found = GraphFolding.cuts(node, input.shapes[0].count, read) else {
                throw Problem("its bounds are not lists of a length")
            }
            cuts.append(found)
        }
        var current = input
        for place in cuts[0].indices {
            let own = cuts.map { $0[place] }
            let part = place + 1 < cuts[0].count ? "\(place)" : ""
            let isSame = own.allSatisfy { $0 == own[0] }
            let counts = zip(own, current.shapes).map { cut, shape in
                Rearrangement.entries(first: cut.first, end: cut.end, step: cut.step, of: shape[cut.axis])
            }
            // What takes all is nothing.
            if zip(counts, current.shapes).allSatisfy({ $0.first == 0 && $0.count == $1[own[0].axis] }), own[0].step == 1 {
                if !part.isEmpty || current.site == nil { continue }
                current = try add(site(node), Identity(name: "identity"), [current.site!], type: input.type)
                continue
            }
            let site = try site(of: current, for: site(node))
            if isSame {
                let cut = own[0]
                current = try add(
                    self.site(node, part), Rearrangement(.sliced(axis: cut.axis, first: cut.first, end: cut.end, step: cut.step)), [site],
                    type: input.type)
                continue
            }
            guard own.allSatisfy({ $0.step == 1 && $0.axis == own[0].axis }), let first = ShapeTemplate.Length(counts.map(\.first), probes),
                let length = ShapeTemplate.Length(counts.map(\.count), probes)
            else { throw Problem("its bounds depend on the batch in a way that is not followed") }
            boundPositions(slicing: current.shapes.map { $0[own[0].axis] }, to: counts.map { $0.first + $0.count })
            current = try add(
                self.site(node, part), BatchSlice(axis: own[0].axis, first: first, length: length), [site, inputSite], type: input.type)
        }
        if current.site == nil { return current }
        return current
    }

    private mutating func expand(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes()
        let input = try required(node, 0)
        guard let numbers = numbers(try required(node, 1), isSetting: true) else {
            throw Problem("the shape is computed from the data, which is not followed")
        }
        var wanted = probes.indices.map { numbers.count == 1 ? numbers[0].integers : numbers[$0].integers }
        if numbers.count == 1 { wanted = samplesRestored(input, repeatedTo: wanted) }
        // What it repeats once stays as it is.
        if input.site != nil, zip(input.shapes, wanted).allSatisfy({ (try? repeatedShape($0, $1)) == $0 }) { return input }
        if let matrix = repeatedMatrix(node, input, to: wanted) { return matrix }
        guard let template = template(wanted) else { throw Problem("the shape depends on the batch in a way that is not followed") }
        return try apply(Rearrangement(.repeated(template)), node)
    }

    /// Each dimension behind one of its own in which it is repeated, then both as one.
    private mutating func tile(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes()
        let input = try required(node, 0)
        guard let numbers = numbers(try required(node, 1), isSetting: true) else {
            throw Problem("how often it repeats is computed from the data, which is not followed")
        }
        let times = probes.indices.map { numbers.count == 1 ? numbers[0].integers : numbers[$0].integers }
        let rank = input.shapes[0].count
        guard times.allSatisfy({ $0.count == rank && $0.allSatisfy { $0 > 0 } }) else {
            throw Problem("does not repeat each dimension", expected: "\(rank) numbers above 0", found: "\(times[0])")
        }
        for (shape, times) in zip(input.shapes, times) {
            let product = zip(shape, times).reduce((1, false)) { found, next in
                let (length, isLong) = next.0.multipliedReportingOverflow(by: next.1)
                let (count, isLarge) = found.0.multipliedReportingOverflow(by: length)
                return (count, found.1 || isLong || isLarge)
            }
            guard !product.1, product.0 <= 1 << 40 else {
                throw Problem("repeats too often", found: "\(words(shape)), \(words(times)) times")
            }
        }
        var (apart, wide, merged): ([[Int]], [[Int]], [[Int]]) = ([], [], [])
        let isRepeated = (0..<rank).map { axis in times.contains { $0[axis] != 1 } }
        let isLong = (0..<rank).map { axis in input.shapes.contains { $0[axis] != 1 } }
        for (shape, times) in zip(input.shapes, times) {
            apart.append((0..<rank).flatMap { isRepeated[$0] && isLong[$0] ? [1, shape[$0]] : [shape[$0]] })
            wide.append((0..<rank).flatMap { isRepeated[$0] && isLong[$0] ? [times[$0], shape[$0]] : [times[$0] * shape[$0]] })
            merged.append((0..<rank).map { times[$0] * shape[$0] })
        }
        let divided = try reshaped(input, to: apart, site(node, "apart"))
        guard let template = template(wide, input: apart) else {
            throw Problem("the shape depends on the batch in a way that is not followed", found: wide.map(words).joined(separator: ", "))
        }
        let name = wide == merged ? site(node) : site(node, "repeated")
        let repeated = try add(
            name, Rearrangement(.repeated(template)), [try site(of: divided, for: site(node, "input"))], type: input.type)
        return wide == merged ? repeated : try reshaped(repeated, to: merged, site(node))
    }

    private mutating func pad(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("mode", "pads", "value")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let pads = try setting(node, 1, "padding")?.integers ?? node.integers("pads") else { throw Problem("has no padding") }
        let value = try setting(node, 2, "number")?.values.first ?? node.real("value") ?? 0
        let axes = try setting(node, 3, "list of axes")?.integers ?? Array(0..<rank)
        guard pads.count == 2 * axes.count else { throw Problem("'pads' are not two for each dimension", found: "\(pads.count)") }
        var (before, after) = ([Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank))
        for (place, axis) in axes.enumerated() {
            guard let axis = GraphFolding.axis(axis, rank), rank > 0 else { throw Problem("has no such dimension") }
            before[axis] = pads[place]
            after[axis] = pads[place + axes.count]
        }
        let mode: Padding.Mode
        switch node.text("mode") ?? "constant" {
        case "constant": mode = .constant(Float(value))
        case "edge": mode = .edge
        case "reflect": mode = .reflected
        case "wrap": mode = .wrapped
        case let other: throw Problem("an unknown way to pad", expected: "constant, edge, reflect or wrap", found: "'\(other)'")
        }
        if before.allSatisfy({ $0 == 0 }), after.allSatisfy({ $0 == 0 }) { return input }
        return try apply(Padding(before: before, after: after, mode: mode), node)
    }
}
