import Networks
import Tensors

/// The channels of outputs: the last dimension, or the second for images.
enum Channels {
    /// The output's shape with another number of channels, and of samples.
    static func shape(_ shape: [Int], channels: Int, samples: Int) -> [Int] {
        var shape = shape
        shape[shape.count == 4 ? 1 : shape.count - 1] = channels
        shape[0] = samples
        return shape
    }

    /// Copies channels `from` of each of `copies` repetitions of `source` to the channels of `target` from `start` on.
    static func copy(_ from: [Int], of source: Tensor, to target: MutableTensor, at start: Int = 0, copies: Int = 1) {
        let whole = NeuronPlaces(source.shape, .usual)
        let part = NeuronPlaces(target.shape, .usual)
        precondition(part.outer == whole.outer * copies && part.inner == whole.inner, "\(copies) times \(source.shape) to \(target.shape)")
        guard let first = from.first else { return }
        let isRun = zip(from, from.dropFirst()).allSatisfy { $1 == $0 + 1 }
        source.withElements { source in
            target.withMutableElements { target in
                guard let source = source.baseAddress, let target = target.baseAddress else { return }
                for outer in 0..<part.outer {
                    let row = source + (outer % whole.outer) * whole.neurons * whole.inner
                    let place = target + (outer * part.neurons + start) * part.inner
                    if isRun {
                        place.update(from: row + first * whole.inner, count: from.count * whole.inner)
                    } else {
                        for (index, channel) in from.enumerated() {
                            (place + index * whole.inner).update(from: row + channel * whole.inner, count: whole.inner)
                        }
                    }
                }
            }
        }
    }

    /// Copies all channels of `source` to the channels `to` of `target`.
    static func spread(_ source: Tensor, to channels: [Int], of target: MutableTensor) {
        let part = NeuronPlaces(source.shape, .usual)
        let whole = NeuronPlaces(target.shape, .usual)
        precondition(
            part.outer == whole.outer && part.inner == whole.inner && part.neurons == channels.count, "\(source.shape) to \(target.shape)")
        source.withElements { source in
            target.withMutableElements { target in
                for outer in 0..<part.outer {
                    for (index, channel) in channels.enumerated() {
                        for inner in 0..<part.inner {
                            target[(outer * whole.neurons + channel) * whole.inner + inner] =
                                source[(outer * part.neurons + index) * part.inner + inner]
                        }
                    }
                }
            }
        }
    }

    /// Copies all channels of `source`, [samples, 1, ...], to the channels `to` of the last positions of `target`, [samples, length,
    /// width].
    static func spread(_ source: Tensor, to channels: [Int], ofLastPositionsOf target: MutableTensor) {
        let (length, width) = (target.shape[1], target.shape[2])
        for sample in 0..<target.shape[0] {
            let row = target.view(at: ((sample + 1) * length - 1) * width, shape: [1, 1, width])
            spread(source[sample..<sample + 1], to: channels, of: row)
        }
    }
}
