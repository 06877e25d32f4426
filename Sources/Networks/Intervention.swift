import Tensors

/// A change to the output of one node in one run: the neurons, the positions, and the replacement.
///
/// Which dimension of the output its neurons are, ``NeuronDimensions`` says. An intervention is a value that is passed to a run and leaves nothing behind.
package struct Intervention: Sendable {
    package var node: NodeID
    /// nil for all.
    package var neurons: [Int]?
    /// The positions in the sequence, for outputs [samples, length, width]; for attention patterns [samples, heads, length, length], those
    /// that attend; nil for all.
    package var positions: [Int]?
    package var replacement: Replacement

    package enum Replacement: Sendable {
        case zero
        /// One number for each neuron of the output, the same for all samples and positions.
        case constants([Float])
        /// The same elements of a tensor in the output's shape: another run's output.
        case values(Tensor)
    }

    package init(node: NodeID, neurons: [Int]? = nil, positions: [Int]? = nil, replacement: Replacement) {
        self.node = node
        self.neurons = neurons
        self.positions = positions
        self.replacement = replacement
    }
}

/// How far an intervention moved the output that it changed.
package struct InterventionChange: Sendable, Equatable {
    /// The elements that it wrote.
    package var elements = 0
    /// Those of them that it changed.
    package var changed = 0
    /// Sum of |new - old|.
    package var absoluteChange = 0.0
    /// Sum of (new - old)^2.
    package var squaredChange = 0.0
    /// Sum of old^2 over the same elements.
    package var squaredBefore = 0.0

    package init() {}

    /// The change between two outputs of one shape.
    package init(from before: Tensor, to after: Tensor) {
        precondition(before.count == after.count, "\(before.shape) and \(after.shape)")
        before.withElements { old in
            after.withElements { new in
                for place in old.indices { add(old[place], new[place]) }
            }
        }
    }

    /// Counts one element that became `new`.
    package mutating func add(_ old: Float, _ new: Float) {
        elements += 1
        // What a mask forbids is minus infinity.
        if old.isFinite { squaredBefore += Double(old) * Double(old) }
        guard new != old else { return }
        let difference = Double(new) - Double(old)
        changed += 1
        absoluteChange += abs(difference)
        squaredChange += difference * difference
    }

    package static func += (a: inout InterventionChange, b: InterventionChange) {
        a.elements += b.elements
        a.changed += b.changed
        a.absoluteChange += b.absoluteChange
        a.squaredChange += b.squaredChange
        a.squaredBefore += b.squaredBefore
    }
}

extension Intervention {
    /// Writes the replacement into the node's output.
    ///
    /// The change is summed in Double in the order of the elements.
    func apply(to output: MutableTensor, _ dimension: NeuronDimension) -> InterventionChange {
        let ranges = places(in: output.shape, dimension)
        var change = InterventionChange()
        output.withMutableElements { target in
            replacing(in: output.shape, dimension, ranges) { place, new in
                change.add(target[place], new)
                target[place] = new
            }
        }
        return change
    }

    /// What it would change in an output.
    package func change(of output: Tensor, _ dimension: NeuronDimension) -> InterventionChange {
        var change = InterventionChange()
        output.withElements { elements in
            replacing(in: output.shape, dimension, places(in: output.shape, dimension)) { place, new in change.add(elements[place], new) }
        }
        return change
    }

    /// Calls `write` with each place of an output that is replaced, and its new value.
    @inline(__always)
    private func replacing(in shape: [Int], _ dimension: NeuronDimension, _ ranges: [Range<Int>], _ write: (Int, Float) -> Void) {
        switch replacement {
        case .zero:
            for range in ranges { for place in range { write(place, 0) } }
        case .constants(let constants):
            let places = NeuronPlaces(shape, dimension)
            precondition(constants.count == places.neurons, "\(constants.count) constants for \(places.neurons) neurons")
            for range in ranges { for place in range { write(place, constants[place / places.inner % places.neurons]) } }
        case .values(let tensor):
            precondition(tensor.count == shape.reduce(1, *), "\(tensor.shape) for \(shape)")
            tensor.withElements { source in
                for range in ranges { for place in range { write(place, source[place]) } }
            }
        }
    }

    /// The elements of an output of `shape` that are replaced, as runs of consecutive ones.
    package func places(in shape: [Int], _ dimension: NeuronDimension) -> [Range<Int>] {
        let places = NeuronPlaces(shape, dimension)
        precondition(neurons?.allSatisfy { $0 >= 0 && $0 < places.neurons } ?? true, "a neuron outside \(shape)")
        if neurons == nil, positions == nil { return [0..<places.outer * places.neurons * places.inner] }
        // The rows of the positions in each sample, or the attending rows in each head of a pattern.
        var rows = Array(0..<places.outer)
        var inner = [0..<places.inner]
        if let positions {
            precondition(shape.count == 3 || shape.count == 4, "positions of \(shape)")
            let length = shape[shape.count - 2]
            precondition(positions.allSatisfy { $0 >= 0 && $0 < length }, "a position outside \(shape)")
            if shape.count == 3 {
                rows = (0..<shape[0]).flatMap { sample in positions.map { sample * length + $0 } }
            } else {
                inner = positions.map { $0 * shape[3]..<($0 + 1) * shape[3] }
            }
        }
        var ranges: [Range<Int>] = []
        for row in rows {
            for neuron in neurons ?? Array(0..<places.neurons) {
                let first = (row * places.neurons + neuron) * places.inner
                for range in inner {
                    let (start, end) = (first + range.lowerBound, first + range.upperBound)
                    if let last = ranges.last, last.upperBound == start {
                        ranges[ranges.count - 1] = last.lowerBound..<end
                    } else {
                        ranges.append(start..<end)
                    }
                }
            }
        }
        return ranges
    }
}
