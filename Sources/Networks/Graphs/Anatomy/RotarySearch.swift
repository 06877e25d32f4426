import Glibc
import Tensors

/// Looks for rotary positions between two nodes of a graph, whatever an exporter makes of them: steps that turn pairs of each head's elements by
/// an angle that grows with the position.
///
/// The steps are run on vectors of which one element alone is 1, which shows what they multiply each element with at each position.
struct RotarySearch {
    let numbers: FixedNumbers
    /// What the steps read, and the layout of its elements.
    let origin: String
    let layout: ElementLayout
    /// Their last node, of the same shape.
    let end: String

    /// Which dimension is that of the samples, and of the positions.
    private var axes: (samples: Int, positions: Int)? {
        let places = (0..<2).map { axis in layout.dimensions.firstIndex { $0.count == 1 && $0[0].axis == axis } }
        guard let samples = places[0], let positions = places[1], layout.dimensions.joined().allSatisfy({ $0.axis != nil }) else {
            return nil
        }
        return (samples, positions)
    }

    /// A shape of what the steps read, for other numbers of samples and positions.
    private func shape(_ samples: Int, _ length: Int, _ axes: (samples: Int, positions: Int)) -> [Int] {
        var shape = layout.shape
        shape[axes.samples] = samples
        shape[axes.positions] = length
        return shape
    }

    /// - Parameter dimension: the length of a head's vectors, which are the last dimension.
    func rotary(dimension: Int) -> Rotary? {
        guard dimension <= 1024, layout.shape.last == dimension, let axes else { return nil }
        let isOpen = numbers.batch(samples: 1, length: 5) != nil
        let longest = min(numbers.longest ?? .max, numbers.tableLength(before: end, until: origin) ?? .max)
        let short = isOpen ? min(5, longest) : layout.shape[axes.positions]
        guard let plain = turns(dimension, short, axes, isOpen: isOpen) else { return nil }
        func fits(_ rotary: Rotary, _ samples: Int, _ length: Int) -> Bool {
            self.fits(rotary, shape(samples, length, axes), axes, isOpen: isOpen)
        }
        guard isOpen else { return fits(plain, 2, short) ? plain : nil }
        guard fits(plain, 2, min(9, longest)) || min(9, longest) == short else { return nil }
        if fits(plain, 1, min(300, longest)) { return plain }
        // Sequences beyond a length are turned by other frequencies.
        for limit in numbers.wholeNumbers(before: end) where limit >= short && limit < min(longest, 8192) {
            guard fits(plain, 1, limit), let beyond = turns(dimension, limit + 1, axes, isOpen: true), beyond.rotated == plain.rotated,
                abs(beyond.attentionScale - plain.attentionScale) < 1e-5
            else { continue }
            let stretched = Rotary(
                headDimension: dimension, rotated: plain.rotated, frequencies: plain.frequencies, pairing: plain.pairing,
                attentionScale: plain.attentionScale, stretch: .beyond(length: limit, frequencies: beyond.frequencies))
            if fits(stretched, 1, limit), fits(stretched, 1, limit + 1), fits(stretched, 1, min(limit + 300, longest)) {
                return stretched
            }
        }
        return nil
    }

    /// The positions that turn sequences of a length.
    private func turns(_ dimension: Int, _ length: Int, _ axes: (samples: Int, positions: Int), isOpen: Bool) -> Rotary? {
        // factors[position][out][in] of the first of the other vectors.
        let size = shape(dimension, length, axes)
        guard length > 1, size.reduce(1, *) <= 1 << 25,
            let batch = numbers.batch(samples: dimension, length: isOpen ? length : nil)
        else { return nil }
        let (sampleStep, positionStep) = (Self.step(axes.samples, size), Self.step(axes.positions, size))
        let basis = Tensor(
            shape: size, (0..<size.reduce(1, *)).map { $0 % dimension == $0 / sampleStep % dimension ? Float(1) : 0 })
        guard let turned = numbers.numbers(end, batch, given: (origin, basis)), turned.shape == size else { return nil }
        let elements = turned.elements
        func factor(_ position: Int, _ out: Int, _ place: Int) -> Float {
            elements[place * sampleStep + position * positionStep + out]
        }
        guard let (rotated, pairing) = pairs(dimension, min(length, 5), factor) else { return nil }
        let half = rotated / 2
        let scale = factor(0, 0, 0)
        guard scale > 0 else { return nil }
        var frequencies = (0..<half).map { pair in
            let (first, second) = Self.places(pair, rotated, pairing)
            return atan2(factor(1, second, first), factor(1, first, first))
        }
        // The numbers that the graph itself has are more exact.
        if let exact = numbers.lists(of: half, before: end, until: origin).first(where: { list in
            zip(list, frequencies).allSatisfy { abs($0 - $1) <= 1e-5 * max(1e-2, abs($1)) }
        }) {
            frequencies = exact
        }
        return Rotary(headDimension: dimension, rotated: rotated, frequencies: frequencies, pairing: pairing, attentionScale: scale)
    }

    /// The elements of a pair.
    private static func places(_ pair: Int, _ rotated: Int, _ pairing: Rotary.Pairing) -> (Int, Int) {
        pairing == .halves ? (pair, pair + rotated / 2) : (2 * pair, 2 * pair + 1)
    }

    private static func step(_ axis: Int, _ shape: [Int]) -> Int { shape[(axis + 1)...].reduce(1, *) }

    /// How many elements are turned, and which with which.
    private func pairs(
        _ dimension: Int, _ length: Int, _ factor: (Int, Int, Int) -> Float
    ) -> (rotated: Int, pairing: Rotary.Pairing)? {
        var distance: Int?
        var last = 0
        for position in 0..<length {
            for out in 0..<dimension {
                for place in 0..<dimension where place != out && factor(position, out, place) != 0 {
                    guard position > 0, distance == nil || distance == abs(place - out) else { return nil }
                    distance = abs(place - out)
                    last = max(last, out, place)
                }
            }
        }
        guard let distance else { return nil }
        if distance > 1 || last == 1 { return 2 * distance <= dimension ? (2 * distance, .halves) : nil }
        return (last + 1) % 2 == 0 ? (last + 1, .neighbours) : nil
    }

    /// Whether the steps turn other numbers as the operation does.
    private func fits(_ rotary: Rotary, _ shape: [Int], _ axes: (samples: Int, positions: Int), isOpen: Bool) -> Bool {
        let (dimension, count, length) = (rotary.headDimension, shape.reduce(1, *), shape[axes.positions])
        guard count <= 1 << 25 else { return false }
        var generator = SeededGenerator(seed: 1)
        let given = (0..<count).map { _ in Float(generator.next() % 2001) / 1000 - 1 }
        guard let batch = numbers.batch(samples: shape[axes.samples], length: isOpen ? length : nil),
            let turned = numbers.numbers(end, batch, given: (origin, Tensor(shape: shape, given))), turned.shape == shape
        else { return false }
        let elements = turned.elements
        let step = Self.step(axes.positions, shape)
        let frequencies = rotary.stretch.frequencies(rotary.frequencies, length: length)
        for start in stride(from: 0, to: count, by: dimension) {
            let position = Float(start / step % length)
            var expected = Array(given[start..<start + dimension])
            for pair in 0..<rotary.rotated / 2 {
                let (first, second) = Self.places(pair, rotary.rotated, rotary.pairing)
                let (a, b) = (given[start + first], given[start + second])
                let angle = Double(position * frequencies[pair])
                let (c, s) = (rotary.attentionScale * Float(cos(angle)), rotary.attentionScale * Float(sin(angle)))
                expected[first] = a * c - b * s
                expected[second] = b * c + a * s
            }
            // Angles are rounded to single precision.
            let tolerance = 2e-4 * max(1, position / 300)
            for place in 0..<dimension where abs(elements[start + place] - expected[place]) > tolerance { return false }
        }
        return true
    }
}
