import Text

/// The lengths that parts, windows and lists of numbers have.
extension ScriptProgram {
    func product(_ lengths: ArraySlice<Int?>) -> Int? {
        lengths.reduce(1 as Int?) { product, length in
            product.flatMap { product in length.map { product.multipliedReportingOverflow(by: $0).partialValue } }
        }
    }

    /// The lengths that a list gives; -1 is what is left, where all others are known.
    func lengths(_ value: ScriptValue, of shape: Lengths?) throws(Problem) -> Lengths {
        guard let items = value.items else { throw Problem("has no list of lengths", found: value.kind) }
        var lengths: Lengths = items.map { $0.integer }
        guard let rest = lengths.firstIndex(of: -1) else { return lengths }
        lengths[rest] = nil
        let others = lengths.enumerated().filter { $0.offset != rest }.map(\.element)
        if let shape, let whole = product(shape[...]), let known = product(others[...]), known > 0 {
            lengths[rest] = whole / known
        }
        return lengths
    }

    func sliced(_ length: Int?, _ value: (String) -> ScriptValue) -> Int? {
        guard let length else { return nil }
        func bound(_ name: String, _ standard: Int) -> Int? {
            if value(name).isNone { return standard }
            return value(name).integer.map { max(0, min(length, $0 < 0 ? $0 &+ length : $0)) }
        }
        guard let first = bound("start", 0), let end = bound("end", length) else { return nil }
        let step = max(1, min(1 << 40, value("step").integer ?? 1))
        guard length <= 1 << 40 else { return nil }
        return max(0, (end - first + step - 1) / step)
    }

    func parts(_ operation: String, _ shape: Lengths, _ value: (String) -> ScriptValue) throws(Problem) -> [Lengths?] {
        let axis = try axis(value("dim").integer ?? 0, shape.count)
        // Parts of given sizes are the whole.
        if let sizes = value(operation == "split_with_sizes" ? "split_sizes" : "split_size").items, axis < shape.count, shape[axis] == nil,
            operation != "chunk", operation != "unbind"
        {
            let lengths = sizes.compactMap(\.integer)
            guard lengths.count == sizes.count, !lengths.isEmpty, lengths.allSatisfy({ (0...1 << 40).contains($0) }) else {
                throw Problem("makes parts of a size that is not known")
            }
            return lengths.map { length in
                var part = shape
                part[axis] = length
                return part
            }
        }
        guard axis < shape.count, let length = shape[axis], (0...1 << 40).contains(length) else {
            throw Problem("divides a dimension whose length is not known", hint: .giveSampleShape)
        }
        var sizes: [Int] = []
        let limit = 1 << 12
        switch operation {
        case "unbind":
            guard length <= limit else { throw Problem("makes too many parts", found: "\(length)") }
            let rest = shape[..<axis] + shape[(axis + 1)...]
            return (0..<length).map { _ in Array(rest) }
        case "split_with_sizes": sizes = value("split_sizes").items?.compactMap(\.integer) ?? []
        default:
            if let given = value("split_size").items?.compactMap(\.integer) {
                sizes = given
                break
            }
            guard let number = value(operation == "chunk" ? "chunks" : "split_size").integer, (1...1 << 40).contains(number) else {
                throw Problem("makes parts of a size that is not known")
            }
            let size = operation == "chunk" ? (length + number - 1) / number : number
            guard size > 0, length / size < limit else { throw Problem("makes too many parts", found: "\(length) by \(size)") }
            sizes = stride(from: 0, to: length, by: size).map { min(size, length - $0) }
        }
        guard sizes.allSatisfy({ $0 >= 0 }), !sizes.isEmpty else { throw Problem("makes parts of a size that is not known") }
        return sizes.map { size in
            var part = shape
            part[axis] = size
            return part
        }
    }

    func broadcast(_ a: Lengths, _ b: Lengths) throws(Problem) -> Lengths {
        let rank = max(a.count, b.count)
        var shape: Lengths = []
        for place in 0..<rank {
            let (i, j) = (place - rank + a.count, place - rank + b.count)
            let (first, second) = (i >= 0 ? a[i] : 1, j >= 0 ? b[j] : 1)
            if let first, let second, first != second, first != 1, second != 1 {
                throw Problem("has shapes that do not go together", found: "lengths of \(first) and \(second)")
            }
            shape.append(first == 1 ? second : second == 1 ? first : first ?? second)
        }
        return shape
    }

    /// The sizes that a transposed convolution makes.
    func raised(
        _ lengths: Lengths, kernel: Lengths, stride: [Int]?, padding: [Int]?, dilation: [Int]?, extra: [Int]?
    ) -> Lengths {
        lengths.indices.map { side in
            func setting(_ list: [Int]?, _ standard: Int) -> Int? {
                guard let list, !list.isEmpty else { return standard }
                return list.count == 1 ? list[0] : side < list.count ? list[side] : nil
            }
            guard let length = lengths[side], let size = side < kernel.count ? kernel[side] : nil, let step = setting(stride, 1),
                let pad = setting(padding, 0), let gap = setting(dilation, 1), let more = setting(extra, 0),
                [length, size, step, pad, gap, more].allSatisfy({ (0..<1 << 30).contains($0) })
            else { return nil }
            let made = (length - 1) * step - 2 * pad + gap * (size - 1) + more + 1
            return made > 0 ? made : nil
        }
    }

    func windows(
        _ lengths: Lengths, kernel: Lengths, stride: [Int]?, padding: [Int]?, dilation: [Int]?, _ sides: Int, roundsUp: Bool = false
    ) -> Lengths {
        func setting(_ list: [Int]?, _ side: Int, _ standard: Int) -> Int? {
            guard let list, !list.isEmpty else { return standard }
            return list.count == 1 ? list[0] : side < list.count ? list[side] : nil
        }
        return (0..<sides).map { side in
            let size = kernel.count == 1 ? kernel[0] : side < kernel.count ? kernel[side] : nil
            guard let length = lengths[side], let size, let step = setting(stride, side, 1), let pad = setting(padding, side, 0),
                let gap = setting(dilation, side, 1), (1..<1 << 30).contains(step), (0..<1 << 30).contains(pad),
                (1..<1 << 30).contains(gap),
                (1..<1 << 30).contains(size), (0..<1 << 40).contains(length)
            else { return nil }
            let rest = length + 2 * pad - gap * (size - 1) - 1
            guard rest > -step || !roundsUp, rest >= 0 || roundsUp else { return nil }
            let count = (rest + (roundsUp ? step - 1 : 0)) / step + 1
            // The last window must not start in the padding.
            return roundsUp && (count - 1) * step >= length + pad ? count - 1 : count
        }
    }
}
