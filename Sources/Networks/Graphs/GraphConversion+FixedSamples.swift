import Text

/// Where the samples are among the numbers of a value: in the one dimension whose length is a multiple of theirs.
struct SamplePlace: Equatable {
    let axis: Int
    /// How many entries of the dimension a sample has, for each probe.
    let factors: [Int]
    /// How many of these lie side by side, for each probe: all where the samples came first when dimensions were joined, 1 where they came last.
    let inner: [Int]

    /// How many entries a sample has for the first probe; for all, unless that depends on its length.
    var factor: Int { factors[0] }

    /// Whether a sample has as many entries whatever its length.
    var isOfOneLength: Bool { factors.allSatisfy { $0 == factor } }
}

/// Where the samples are in each value, and what the shapes of files that fix their number mean for another.
///
/// Reshaping keeps the order of the numbers. So the samples are found again at the place that they had in that order: in a dimension of their
/// own, or joined with the one before or after. That needs to be known of each value, which is followed from operation to operation.
extension GraphConversion {
    /// The place of the samples in shapes, one for each probe; nil if no dimension has them, or several, or if its length is no multiple.
    ///
    /// - Parameter inner: what is known of a dimension that they share; nil if nothing is.
    func samplePlace(_ shapes: [[Int]], inner: [Int]?) -> SamplePlace? {
        guard let first = shapes.first, shapes.count == probes.count, shapes.allSatisfy({ $0.count == first.count }) else { return nil }
        var found: SamplePlace?
        for axis in first.indices where shapes.contains(where: { $0[axis] != first[axis] }) {
            let lengths = shapes.map { $0[axis] }
            let factors = zip(lengths, probes).map { $0 / $1.samples }
            if let length = ShapeTemplate.Length(lengths, probes) {
                if case .number(_, perSample: false, _, _) = length { continue }
                guard case .number(_, perSample: true, _, offset: 0) = length else { return nil }
            } else if zip(lengths, probes).contains(where: { $0 % $1.samples != 0 }) {
                // The height or width of images of any size.
                continue
            }
            guard found == nil, factors.allSatisfy({ $0 > 0 }), let inner = factors.allSatisfy({ $0 == 1 }) ? factors : inner else {
                return nil
            }
            found = SamplePlace(axis: axis, factors: factors, inner: inner)
        }
        return found
    }

    /// The place of the samples in a value.
    func samplePlace(_ value: GraphValue) -> SamplePlace? {
        samplePlace(value.shapes, inner: value.site.flatMap { sampleRuns[$0] })
    }

    /// Keeps what an operation's output has of the samples' place: what all inputs have whose samples share a dimension.
    ///
    /// - Throws: ``Problem`` if they have them in different orders.
    mutating func followSamples(_ site: String, _ shapes: [[Int]], _ inputs: [String]) throws(Problem) {
        guard isShared(shapes) else { return }
        var runs: [[Int]?] = []
        for input in inputs {
            if let shapes = shapesOfSites[input], isShared(shapes) { runs.append(sampleRuns[input]) }
        }
        let known = runs.compactMap(\.self)
        guard Set(known).count <= 1 else {
            throw Problem(Self.orderProblem)
        }
        if known.count == runs.count { sampleRuns[site] = known.first }
    }

    /// Whether the samples share a dimension with others.
    private func isShared(_ shapes: [[Int]]) -> Bool {
        samplePlace(shapes, inner: nil) == nil && samplePlace(shapes, inner: ones) != nil
    }

    /// Keeps the samples' place in what a value was reshaped to.
    ///
    /// - Throws: ``Problem`` if they are in another place of the numbers' order.
    mutating func followSamples(_ site: String, _ shapes: [[Int]], reshaped value: GraphValue) throws(Problem) {
        guard let place = samplePlace(value), let other = samplePlace(shapes, inner: ones) else { return }
        var runs: [Int] = []
        for probe in probes.indices {
            let run = place.inner[probe] * value.shapes[probe][(place.axis + 1)...].reduce(1, *)
            let after = shapes[probe][(other.axis + 1)...].reduce(1, *)
            guard after > 0 else { return }
            guard run % after == 0, other.factors[probe] % max(run / after, 1) == 0, run >= after else {
                throw Problem(
                    Self.movingProblem, expected: words(value.shapes[probe]), found: words(shapes[probe]))
            }
            runs.append(run / after)
        }
        sampleRuns[site] = runs
    }

    /// One for each probe.
    private var ones: [Int] { probes.map { _ in 1 } }

    /// The shapes, one for each probe, of a value in a shape that a file gives for its own number of samples; nil if the samples' place is not
    /// known, or is not found in that shape.
    func samplesRestored(_ value: GraphValue, to lengths: [Int], allowsZero: Bool) -> [[Int]]? {
        guard let samples = fixedSamples, let place = samplePlace(value), place.isOfOneLength else { return nil }
        var own = value.shapes[0]
        // Other lengths that are open are in no list of a file.
        guard value.shapes.allSatisfy({ shape in own.indices.allSatisfy { $0 == place.axis || shape[$0] == own[$0] } }) else { return nil }
        own[place.axis] = place.factor * samples
        guard let target = GraphFolding.reshaped(own, to: lengths, allowsZero) else { return nil }
        // The numbers of one sample that follow each other.
        let run = place.inner[0] * own[(place.axis + 1)...].reduce(1, *)
        var after = 1
        var candidates: [(axis: Int, inner: Int)] = []
        for axis in target.indices.reversed() {
            let length = target[axis]
            guard length > 0, after > 0 else { return nil }
            if run % after == 0, length % samples == 0, length / samples % (run / after) == 0 { candidates.append((axis, run / after)) }
            after *= length
        }
        guard let axis = chosen(candidates, target, place, samples) else { return nil }
        return probes.map { probe in
            var shape = target
            shape[axis] = target[axis] / samples * probe.samples
            return shape
        }
    }

    /// Of several dimensions that could have the samples, as those of one sample could be anywhere between two: one of their own, nearest to where
    /// they were; otherwise the one that follows, as heads do, unless that is the last, whose numbers are a sample's features.
    ///
    /// Every choice keeps the order of the numbers; one that does not suit an operation is found where it joins that dimension.
    private func chosen(
        _ candidates: [(axis: Int, inner: Int)], _ target: [Int], _ place: SamplePlace, _ samples: Int
    ) -> Int? {
        let alone = candidates.filter { target[$0.axis] == samples && $0.inner == 1 }.map(\.axis)
        if let nearest = alone.min(by: { (abs($0 - place.axis), $0) < (abs($1 - place.axis), $1) }) { return nearest }
        let axes = candidates.map(\.axis).sorted()
        return axes.last { $0 < target.count - 1 } ?? axes.last
    }
}

extension GraphConversion {
    /// The shapes to which a value is repeated, where the file says them for its own number of samples.
    func samplesRestored(_ value: GraphValue, repeatedTo wanted: [[Int]]) -> [[Int]] {
        guard let samples = fixedSamples, let rank = value.shapes.first?.count, let lengths = wanted.first else { return wanted }
        var (axis, factor) = (0, 1)
        if let place = samplePlace(value) {
            (axis, factor) = (lengths.count - rank + place.axis, place.factor)
            guard place.isOfOneLength else { return wanted }
        } else if samples == 1 {
            return wanted
        } else if !value.shapes.allSatisfy({ $0.count < lengths.count || $0.first == 1 })
            || value.shapes.contains(where: { $0 != value.shapes[0] })
        {
            return wanted
        }
        guard lengths.indices.contains(axis), lengths[axis] == samples * factor else { return wanted }
        return probes.map { probe in
            var shape = lengths
            shape[axis] = probe.samples * factor
            return shape
        }
    }
}

/// Numbers that a file or its export has once for each sample.
extension GraphConversion {
    /// The numbers of one sample, with a first dimension of 1; nil unless they are the same for each, whatever the batch.
    func sameForEachSample(_ numbers: [GraphNumbers]) -> GraphNumbers? {
        guard numbers.count == probes.count, let first = numbers.first, first.shape.count > 1 else { return nil }
        let row = Array(first.values.prefix(first.shape.dropFirst().reduce(1, *)))
        for (list, probe) in zip(numbers, probes) {
            guard list.shape.first == probe.samples, list.shape.dropFirst() == first.shape.dropFirst(), !row.isEmpty,
                list.values.indices.allSatisfy({ list.values[$0] == row[$0 % row.count] })
            else { return nil }
        }
        return GraphNumbers([1] + first.shape.dropFirst(), row)
    }

    /// What a file for a fixed number of samples has once for each of them, for as many as there are: numbers that are all the same, or a
    /// repetition; any other value as it is.
    ///
    /// - Parameter place: where the samples are in the values that it is joined with.
    mutating func alongSamples(_ value: GraphValue, beside place: SamplePlace, _ name: String) throws(Problem) -> GraphValue {
        guard let samples = fixedSamples, place.isOfOneLength, samplePlace(value) == nil, let own = value.fixedShape,
            own.indices.contains(place.axis), own[place.axis] == samples * place.factor
        else { return value }
        let shapes = probes.map { probe in
            var shape = own
            shape[place.axis] = probe.samples * place.factor
            return shape
        }
        guard let template = template(shapes) else { return value }
        let once: String
        if value.site == nil, let lists = numbers(value, isSetting: true), lists.count == 1,
            let numbers = onceAlong(lists[0], place, samples)
        {
            let shape = numbers.shape
            once = try site(of: GraphValue(source: .numbers([numbers]), type: value.type, shapes: probes.map { _ in shape }), for: name)
        } else if let made = repeated(value, along: place.axis) {
            once = made
        } else if own[place.axis] == 1 {
            once = try site(of: value, for: name)
        } else {
            return value
        }
        let made = try add("\(name).samples", Rearrangement(.repeated(template)), [once], type: value.type)
        if place.factor > 1, let site = made.site { sampleRuns[site] = place.inner }
        return made
    }

    /// Numbers that are the same for each of the samples, once; nil for others.
    private func onceAlong(_ numbers: GraphNumbers, _ place: SamplePlace, _ samples: Int) -> GraphNumbers? {
        var shape = numbers.shape
        shape[place.axis] = 1
        if let number = numbers.values.first, numbers.values.allSatisfy({ $0 == number }) {
            return GraphNumbers(shape, [Double](repeating: number, count: shape.reduce(1, *)))
        }
        // In a dimension of their own.
        guard place.factor == 1, samples > 1 else { return nil }
        let inner = shape[(place.axis + 1)...].reduce(1, *)
        var once: [Double] = []
        for outer in 0..<shape[..<place.axis].reduce(1, *) {
            let start = outer * samples * inner
            once += numbers.values[start..<start + inner]
            for other in 1..<samples
            where numbers.values[start..<start + inner] != numbers.values[(start + other * inner)..<(start + (other + 1) * inner)] {
                return nil
            }
        }
        return GraphNumbers(shape, once)
    }

    /// The node that a value repeats along a dimension, in which it has the length 1.
    private func repeated(_ value: GraphValue, along axis: Int) -> String? {
        guard let site = value.site, let node = graph.nodes.last(where: { $0.name == site }),
            case .repeated? = (node.operation as? Rearrangement)?.kind, let own = shapesOfSites[node.inputs[0]],
            own.allSatisfy({ $0.count == value.shapes[0].count && $0[axis] == 1 })
        else { return nil }
        return node.inputs[0]
    }

    /// A constant that is the same for each of the samples whose number the file fixes, or what is made of one and repeated for each, once for all;
    /// any other value as it is.
    ///
    /// - Parameter others: what it is combined with element by element.
    func onceForAll(_ value: GraphValue, beside others: [GraphValue]) -> GraphValue {
        guard let samples = fixedSamples, samples > 1, let shape = value.fixedShape, shape.first == samples, shape.count > 1,
            others.contains(where: { other in
                samplePlace(other).map { $0.axis == 0 && $0.factors.allSatisfy { $0 == 1 } } ?? false
                    && other.shapes[0].count == shape.count
            })
        else { return value }
        guard value.site == nil else {
            guard let once = repeated(value, along: 0), let shapes = shapesOfSites[once] else { return value }
            return GraphValue(source: .node(once), type: value.type, shapes: shapes)
        }
        guard let numbers = storedNumbers(value), let row = rowForEachSample(numbers) else { return value }
        return GraphValue(source: .numbers([row]), type: value.type, shapes: probes.map { _ in row.shape })
    }

    /// The numbers of a constant, or of a stored tensor such as the positions that an exporter has looked up in a table; nil for any other value.
    private func storedNumbers(_ value: GraphValue) -> GraphNumbers? {
        if let lists = numbers(value, isSetting: true) { return lists.count == 1 ? lists[0] : nil }
        guard let stored = value.parameter, !stored.isTransposed, let record = checkpoint[stored.tensor], record.shape == stored.shape,
            record.elementCount <= Self.rowLimit
        else { return nil }
        return GraphNumbers(stored.shape, record.doubles())
    }

    /// The most numbers of a tensor that are compared sample by sample.
    private static let rowLimit = 1 << 22
}
