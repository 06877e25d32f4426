/// Losses as functions of one neuron's output, sample by sample, for changes of one weight at a time.
///
/// A weight of a neuron changes only that neuron's output, and every score is then a function of this number: linear between points that
/// depend on the sample, if the tail is piecewise linear. Each sample keeps the pieces that it has met (``pieces`` of them), so that a
/// weight costs one linear function and one softmax for each sample, and nothing for samples whose output does not change. Everything is
/// computed in double precision.
package final class LossLines {
    /// A step between a neuron's weighted sum and its output.
    package enum NeuronStep: Sendable {
        case activation(ActivationFunction)
        case affine(scale: Double, shift: Double)
    }

    /// The effect of changing a weight.
    package enum Change: Sendable, Equatable {
        /// No sample's output changes.
        case none
        /// The sum of the losses changes by this amount.
        case losses(Double)
    }

    /// The pieces that a sample keeps.
    private static let pieces = 6
    /// The head of a piece: from, to, the position of its values, and what the loss subtracts, with its slope.
    private static let head = 5

    private let losses: LossRow
    private let order: [Int]
    private let walk: TailWalk
    private let samples: Int
    private let classes: Int
    private let width: Int
    /// [samples, width]: what the neurons add up to.
    private let starts: Buffer<Double>
    private let direction: Buffer<Double>
    private let current: Buffer<Double>
    private let candidates: Buffer<Double>
    private let scores: Buffer<Double>
    private let linear: Buffer<Double>
    private let shares: Buffer<Double>
    /// [samples, pieces, head + 2 classes].
    private let lines: Buffer<Double>
    private let counts: Buffer<Int32>
    private let homes: Buffer<Int32>
    private let changed: Buffer<Int32>
    private let used: Buffer<Int32>
    private var changedCount = 0
    private var sums: FeatureTable
    private var newSums: FeatureTable
    private var outputs: FeatureTable
    private var newOutputs: FeatureTable
    private let origins: FeatureTable
    private var steps: [NeuronStep] = []
    /// The sum of all samples' losses.
    package private(set) var total = 0.0

    private var lineSize: Int { Self.head + 2 * classes }

    /// - Parameter values: what the neurons add up to for each sample, [the tail's width, samples].
    package init(_ target: LossTarget, tail: PiecewiseTail, values: FeatureTable) {
        precondition(values.features == tail.width && values.samples == target.samples, "\(values.features) x \(values.samples) values")
        losses = LossRow(target)
        order = losses.order()
        walk = TailWalk(tail)
        samples = target.samples
        classes = target.classes
        width = tail.width
        starts = Buffer(uninitialized: samples * width)
        direction = Buffer(uninitialized: width)
        current = Buffer(uninitialized: samples)
        candidates = Buffer(uninitialized: samples)
        scores = Buffer(uninitialized: samples * classes)
        linear = Buffer(uninitialized: samples)
        shares = Buffer(uninitialized: samples)
        lines = Buffer(uninitialized: samples * Self.pieces * (Self.head + 2 * classes))
        counts = Buffer(uninitialized: samples)
        homes = Buffer(uninitialized: samples)
        changed = Buffer(uninitialized: samples)
        used = Buffer(uninitialized: samples)
        sums = FeatureTable(features: 1, samples: samples)
        newSums = FeatureTable(features: 1, samples: samples)
        outputs = FeatureTable(features: 1, samples: samples)
        newOutputs = FeatureTable(features: 1, samples: samples)
        origins = FeatureTable(features: 1, samples: samples)
        for place in 0..<width {
            let row = values.pointer(place)
            for sample in 0..<samples { starts.base[sample * width + place] = row[sample] }
        }
    }

    /// Turns to a neuron.
    ///
    /// - Parameters:
    ///   - sums: the neuron's weighted sums, [1, samples].
    ///   - column: what one unit of its output adds to each value of the tail, [width].
    package func begin(sums given: FeatureTable, steps: [NeuronStep], column: [Double]) {
        precondition(column.count == width && given.samples == samples, "\(column.count) values for \(width)")
        self.steps = steps
        sums.copy(1, from: given)
        outputs.copy(1, from: given)
        apply(to: outputs)
        origins.copy(from: outputs)
        for place in 0..<width { direction.base[place] = column[place] }
        for sample in 0..<samples {
            counts.base[sample] = 0
            homes.base[sample] = 0
        }
        refresh()
    }

    /// Brings the values to the neuron's last output.
    package func end() {
        let (now, before) = (outputs.pointer(0), origins.pointer(0))
        for sample in 0..<samples where now[sample] != before[sample] {
            let start = starts.base + sample * width
            DoubleKernels.current.writeScaledSum(
                now[sample] - before[sample], UnsafePointer(direction.base), UnsafePointer(start), start, width)
        }
    }

    private func apply(to values: FeatureTable) {
        for step in steps {
            switch step {
            case .activation(let function): values.activate(function)
            case .affine(let scale, let shift): values.scale(0..<1, by: scale, adding: shift)
            }
        }
    }

    /// Recomputes every sample's loss.
    private func refresh() {
        for sample in 0..<samples {
            walk.run(UnsafePointer(starts.base + sample * width), UnsafePointer(direction.base), distance: 0)
            linear.base[sample] = product(sample, walk.values)
            if case .oneClass(_, let own) = losses.target.kind { shares.base[sample] = own[sample] }
            for (place, source) in order.enumerated() { scores.base[place * samples + sample] = walk.values[source] }
        }
        losses.write(
            UnsafePointer(scores.base), stride: samples, count: samples, linear: UnsafePointer(linear.base),
            shares: UnsafePointer(shares.base), into: current.base)
        sum()
    }

    private func sum() {
        total = 0
        for sample in 0..<samples { total += current.base[sample] }
    }

    private func product(_ sample: Int, _ scores: UnsafeMutablePointer<Double>) -> Double {
        guard case .shares(let shares) = losses.target.kind else { return 0 }
        var sum = 0.0
        for place in 0..<classes { sum += shares[sample * classes + place] * scores[place] }
        return sum
    }

    /// The effect of reducing a weight by `weight`, with everything else unchanged.
    ///
    /// - Parameter inputs: the table whose feature `feature` the weight multiplies.
    package func change(reducing weight: Double, inputs: FeatureTable, feature: Int) -> Change {
        let (now, new) = (outputs.pointer(0), newOutputs.pointer(0))
        DoubleKernels.current.writeScaledSum(
            -weight, UnsafePointer(inputs.pointer(feature)), UnsafePointer(sums.pointer(0)), newSums.pointer(0), samples)
        new.update(from: newSums.pointer(0), count: samples)
        apply(to: newOutputs)
        var count = 0
        for sample in 0..<samples {
            changed.base[count] = Int32(truncatingIfNeeded: sample)
            count &+= new[sample] != now[sample] ? 1 : 0
        }
        changedCount = count
        guard count > 0 else { return .none }
        let size = lineSize
        let isShared = if case .shares = losses.target.kind { true } else { false }
        for place in 0..<count {
            let sample = Int(changed.base[place])
            let value = new[sample]
            let line = lines.base + self.line(sample, at: value, place) * size
            let distance = value - line[2]
            let (levels, slopes) = (line + Self.head, line + (Self.head + classes))
            for k in 0..<classes { scores.base[k &* samples &+ place] = levels[k] + slopes[k] * distance }
            if isShared { linear.base[place] = line[3] + line[4] * distance } else { shares.base[place] = line[3] }
        }
        losses.write(
            UnsafePointer(scores.base), stride: samples, count: count, linear: UnsafePointer(linear.base),
            shares: UnsafePointer(shares.base),
            into: candidates.base)
        var difference = 0.0
        for place in 0..<count { difference += candidates.base[place] - current.base[Int(changed.base[place])] }
        return .losses(difference)
    }

    /// Takes over the change that was looked at last.
    package func accept() {
        swap(&sums, &newSums)
        swap(&outputs, &newOutputs)
        for place in 0..<changedCount {
            let sample = Int(changed.base[place])
            current.base[sample] = candidates.base[place]
            homes.base[sample] = used.base[place]
        }
        if changedCount > 0 { sum() }
    }

    /// The sample's piece around an output, which is computed where none of those that it keeps reaches so far.
    @inline(__always)
    private func line(_ sample: Int, at value: Double, _ place: Int) -> Int {
        let first = sample &* Self.pieces
        let home = Int(homes.base[sample])
        let count = Int(counts.base[sample])
        var slot = home
        for _ in 0..<min(count, Self.pieces) {
            let line = lines.base + (first &+ slot) &* lineSize
            if line[0] <= value, value <= line[1] {
                used.base[place] = Int32(truncatingIfNeeded: slot)
                return first &+ slot
            }
            slot = slot == 0 ? min(count, Self.pieces) &- 1 : slot &- 1
        }
        return newLine(sample, at: value, place)
    }

    private func newLine(_ sample: Int, at value: Double, _ place: Int) -> Int {
        let count = Int(counts.base[sample])
        var slot = count % Self.pieces
        // The piece that the sample is on stays.
        if count >= Self.pieces, slot == Int(homes.base[sample]) { slot = (slot + 1) % Self.pieces }
        counts.base[sample] = Int32(truncatingIfNeeded: count < Self.pieces ? count + 1 : Self.pieces + (slot + 1) % Self.pieces)
        used.base[place] = Int32(truncatingIfNeeded: slot)
        let index = sample * Self.pieces + slot
        let line = lines.base + index * lineSize
        walk.run(
            UnsafePointer(starts.base + sample * width), UnsafePointer(direction.base), distance: value - origins.pointer(0)[sample])
        line[0] = value + walk.low
        line[1] = value + walk.high
        line[2] = value
        if case .oneClass(_, let own) = losses.target.kind {
            line[3] = own[sample]
            line[4] = 0
        } else {
            line[3] = product(sample, walk.values)
            line[4] = product(sample, walk.slopes)
        }
        for (k, source) in order.enumerated() {
            line[Self.head + k] = walk.values[source]
            line[Self.head + classes + k] = walk.slopes[source]
        }
        return index
    }
}
