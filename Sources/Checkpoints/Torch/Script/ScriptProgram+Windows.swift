import Text

/// The shapes of what operations on windows, sizes and lengths give.
extension ScriptProgram {
    /// The dimensions that an operation reduces: all where it names none, which the conversion refuses where samples are in one of them.
    func reducedAxes(_ dims: ScriptValue, _ rank: Int) throws(Problem) -> Set<Int> {
        let given = dims.integer.map { [ScriptValue.integer($0)] } ?? dims.items ?? []
        guard !given.isEmpty else { return Set(0..<rank) }
        var axes: Set<Int> = []
        for item in given {
            guard let number = item.integer else { throw Problem("has a setting 'dim' that is not fixed") }
            axes.insert(try axis(number, rank))
        }
        return axes
    }

    /// - Returns: the type and the shapes of such an operation's outputs; nil for others.
    func windowing(_ operation: String, _ values: [(String, ScriptValue)], _ type: Int) throws(Problem) -> (type: Int, shapes: [Lengths?])?
    {
        func value(_ name: String) -> ScriptValue { values.first { $0.0 == name }?.1 ?? .none }
        func shape(_ name: String) throws(Problem) -> Lengths {
            guard let tensor = value(name).tensor else { throw Problem("has no tensor '\(name)'", found: value(name).kind) }
            _ = try rank(tensor)
            return shapes[tensor] ?? []
        }
        func numbers(_ name: String) -> [Int] { value(name).integer.map { [$0] } ?? value(name).items?.compactMap(\.integer) ?? [] }
        let keeps = if case .boolean(true) = value("keepdim") { true } else { false }
        /// The shape with some dimensions reduced.
        func reduced(_ shape: Lengths, _ dims: ScriptValue) throws(Problem) -> Lengths {
            let axes = try reducedAxes(dims, shape.count)
            return shape.indices.compactMap { axes.contains($0) ? (keeps ? .some(1) : nil) : .some(shape[$0]) }
        }
        switch operation {
        case "linalg_vector_norm", "logsumexp", "var", "std": return (type, [try reduced(shape("self"), value("dim"))])
        case "var_mean", "std_mean":
            let lengths = try reduced(shape("self"), value("dim"))
            return (type, [lengths, lengths])
        case "argmax", "argmin":
            return (type, [try reduced(shape("self"), value("dim"))])
        case "max" where !value("dim").isNone, "min" where !value("dim").isNone:
            let lengths = try reduced(shape("self"), value("dim"))
            return (value("self").tensor.flatMap { types[$0] } ?? type, [lengths, lengths])
        case "cosine_similarity":
            let lengths = try broadcast(shape("x1"), shape("x2"))
            return (type, [try reduced(lengths, numbers("dim").isEmpty ? .integer(1) : value("dim"))])
        case "movedim":
            let lengths = try shape("self")
            let from = try numbers("source").map { place throws(Problem) in try axis(place, lengths.count) }
            let to = try numbers("destination").map { place throws(Problem) in try axis(place, lengths.count) }
            guard !from.isEmpty, from.count == to.count, Set(from).count == from.count, Set(to).count == to.count else {
                throw Problem("moves dimensions to no places of their own")
            }
            var rest = lengths.indices.filter { !from.contains($0) }.makeIterator()
            return (
                type,
                [
                    lengths.indices.map { place in
                        to.firstIndex(of: place).map { lengths[from[$0]] } ?? rest.next().flatMap { lengths[$0] }
                    }
                ]
            )
        case "einsum":
            var factors: [Lengths] = []
            for item in value("tensors").items ?? [] {
                guard let tensor = item.tensor else { throw Problem("has a factor that is no tensor") }
                _ = try rank(tensor)
                factors.append(shapes[tensor] ?? [])
            }
            guard case .text(let equation) = value("equation") else { throw Problem("has no equation") }
            return (type, [try summed(equation, factors)])
        case "narrow":
            var lengths = try shape("self")
            let place = try axis(value("dim").integer ?? 0, lengths.count)
            guard lengths.indices.contains(place) else { throw Problem("has no such dimension") }
            lengths[place] = value("length").integer
            return (type, [lengths])
        case "unfold":
            var lengths = try shape("self")
            let place = try axis(value("dimension").integer ?? 0, lengths.count)
            guard lengths.indices.contains(place), let size = value("size").integer, let step = value("step").integer, size > 0, step > 0
            else { throw Problem("has no windows") }
            lengths[place] = lengths[place].flatMap { $0 >= size && $0 < 1 << 40 ? ($0 - size) / step + 1 : nil }
            return (type, [lengths + [size]])
        case "im2col":
            let lengths = try shape("self")
            let kernel = numbers("kernel_size")
            guard lengths.count == 4, kernel.count == 2 else { throw Problem("is of no batch of images") }
            let places = windows(
                Array(lengths[2...]), kernel: kernel.map { $0 }, stride: numbers("stride"), padding: numbers("padding"),
                dilation: numbers("dilation"), 2)
            return (type, [[lengths[0], product([lengths[1], kernel[0], kernel[1]]), product(places[...])]])
        case "col2im":
            let (lengths, kernel, size) = (try shape("self"), numbers("kernel_size"), numbers("output_size"))
            guard lengths.count == 3, kernel.count == 2, size.count == 2, kernel.allSatisfy({ (1...1 << 20).contains($0) }) else {
                throw Problem("is of no batch of columns")
            }
            return (type, [[lengths[0], lengths[1].map { $0 / (kernel[0] * kernel[1]) }, size[0], size[1]]])
        case "baddbmm":
            let (a, b) = (try shape("batch1"), try shape("batch2"))
            guard a.count == 3, b.count == 3 else { throw Problem("multiplies what are no matrices") }
            return (type, [[a[0], a[1], b[2]]])
        case "repeat_interleave":
            var lengths = try shape("self")
            guard let times = value("repeats").integer, let number = value("dim").integer else {
                throw Problem("repeats entries by a list, or all numbers as one row")
            }
            let place = try axis(number, lengths.count)
            guard lengths.indices.contains(place) else { throw Problem("has no such dimension") }
            lengths[place] = product([lengths[place], times])
            return (type, [lengths])
        case "new_zeros", "new_ones", "new_full", "new_empty": return (type, [try self.lengths(value("size"), of: nil)])
        case "pixel_unshuffle":
            let lengths = try shape("self")
            guard lengths.count == 4, let factor = value("downscale_factor").integer, (1...1 << 16).contains(factor) else {
                throw Problem("is of no batch of images")
            }
            return (
                type,
                [[lengths[0], product([lengths[1], factor, factor]), lengths[2].map { $0 / factor }, lengths[3].map { $0 / factor }]]
            )
        case "_weight_norm": return (type, [try shape("v")])
        case "embedding_bag":
            let (table, starts) = (try shape("weight"), try shape("offsets"))
            guard table.count == 2, starts.count == 1 else { throw Problem("has a table that is not stored") }
            return (type, [[starts[0], table[1]], [], [], []])
        case "adaptive_max_pool1d", "adaptive_max_pool2d":
            let (lengths, size) = (try shape("self"), numbers("output_size"))
            let sides = operation.hasSuffix("1d") ? 1 : 2
            guard lengths.count == sides + 2, !size.isEmpty else { throw Problem("reads what are no samples with channels") }
            let whole: Lengths = lengths[..<2] + (size.count == 1 ? Lengths(repeating: size[0], count: sides) : size.map { $0 })
            return (type, [whole, whole])
        case "upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d":
            let (lengths, size) = (try shape("input"), numbers("output_size"))
            guard lengths.count >= 3 else { throw Problem("reads what are no samples with channels") }
            if size.count == lengths.count - 2 { return (type, [lengths[..<2] + size.map { $0 }]) }
            let factors = value("scale_factors").items?.compactMap(\.real) ?? []
            guard factors.count == lengths.count - 2 else { throw Problem("has no size and no factors") }
            let sides = zip(lengths.dropFirst(2), factors).map { length, factor -> Int? in
                guard let length, factor > 0, factor < 1e6, length < 1 << 30 else { return nil }
                return Int((Double(length) * factor).rounded(.down))
            }
            return (type, [lengths[..<2] + sides])
        default: return nil
        }
    }

    /// The shape of a sum of products over named dimensions: `bij,bjk->bik`.
    private func summed(_ equation: String, _ factors: [Lengths]) throws(Problem) -> Lengths {
        guard let read = EinsumEquation(equation), read.isOfLetters, read.factors.count == factors.count,
            zip(read.factors, factors).allSatisfy({ $0.count == $1.count })
        else { throw Problem("has an equation that is not followed", found: "'\(equation)'") }
        var lengths: [Character: Int?] = [:]
        for (names, shape) in zip(read.factors, factors) {
            for (name, length) in zip(names, shape) where lengths[name] == nil || lengths[name] == .some(1) || lengths[name] == .some(nil) {
                lengths[name] = .some(length)
            }
        }
        return try read.output.map { name throws(Problem) -> Int? in
            guard let length = lengths[name] else { throw Problem("has an equation that is not followed", found: "'\(equation)'") }
            return length
        }
    }
}
