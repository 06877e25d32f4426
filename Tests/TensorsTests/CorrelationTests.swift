import Testing

@testable import Tensors

/// Convolutions of as many filters as are computed by panels of places, against the sum of the definition in double precision.
struct CorrelationTests {
    struct Sizes: CustomTestStringConvertible {
        var samples = 2
        var channels = 3
        var image = (9, 11)
        var filters = 32
        var kernel = (3, 3)
        var stride = (1, 1)
        var padding = (1, 1)
        var dilation = (1, 1)
        var groups = 1

        var testDescription: String {
            "\(samples) x \(channels) x \(image), \(filters) filters of \(kernel), stride \(stride), padding \(padding), dilation \(dilation), "
                + "\(groups) groups"
        }
    }

    private func random(_ shape: [Int], _ seed: UInt64) -> MutableTensor {
        var generator = SeededGenerator(seed: seed)
        return MutableTensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) })
    }

    @Test(arguments: [
        Sizes(),
        // Rows of more places than a panel, a number of filters that is no multiple of eight, more taps than are copied at once.
        Sizes(samples: 1, channels: 30, image: (4, 61), filters: 35),
        // Images of few places, which share panels.
        Sizes(samples: 7, channels: 4, image: (3, 3), filters: 40),
        Sizes(samples: 3, image: (17, 35), kernel: (7, 7), stride: (2, 2), padding: (3, 3)),
        Sizes(image: (20, 23), kernel: (1, 1), stride: (2, 2), padding: (0, 0)),
        Sizes(image: (32, 24), kernel: (8, 4), stride: (8, 4), padding: (0, 0)),
        Sizes(image: (13, 10), stride: (3, 1), padding: (4, 5), dilation: (2, 3)),
        Sizes(channels: 4, image: (10, 9), filters: 66, kernel: (2, 5), stride: (1, 2), padding: (0, 2), groups: 2),
    ])
    func convolutions_are_those_of_the_definition(_ sizes: Sizes) {
        let rows = WindowAxis(
            length: sizes.image.0, kernel: sizes.kernel.0, stride: sizes.stride.0, padding: sizes.padding.0, dilation: sizes.dilation.0)
        let columns = WindowAxis(
            length: sizes.image.1, kernel: sizes.kernel.1, stride: sizes.stride.1, padding: sizes.padding.1, dilation: sizes.dilation.1)
        let shape = ConvolutionShape(
            samples: sizes.samples, channels: sizes.channels, filters: sizes.filters, groups: sizes.groups, rows: rows, columns: columns)
        let channels = sizes.channels / sizes.groups
        let images = random([sizes.samples, sizes.channels, rows.length, columns.length], 1)
        let filters = random([sizes.filters, channels, rows.kernel, columns.kernel], 2)
        let bias = random([sizes.filters], 3)
        let scratch = MutableTensor.zeros([max(1, Correlation.forwardScratch(shape))])
        func output(_ bias: Tensor?, threads: Int) -> [Float] {
            let target = random([sizes.samples, sizes.filters, rows.count, columns.count], 4)
            Correlation.forward(shape, images, filters: filters, bias: bias, into: target, scratch: scratch, team: Team(size: threads))
            return target.elements
        }
        let (with, without) = (output(bias, threads: 2), output(nil, threads: 1))
        #expect(with == output(bias, threads: 1))
        let (x, w, b) = (images.elements, filters.elements, bias.elements)
        var place = 0
        var worst = 0.0
        for sample in 0..<sizes.samples {
            for filter in 0..<sizes.filters {
                let first = filter / (sizes.filters / sizes.groups) * channels
                for i in 0..<rows.count {
                    for j in 0..<columns.count {
                        var sum = 0.0
                        for channel in 0..<channels {
                            for k in 0..<rows.kernel {
                                for l in 0..<columns.kernel {
                                    let row = i * sizes.stride.0 - sizes.padding.0 + k * sizes.dilation.0
                                    let column = j * sizes.stride.1 - sizes.padding.1 + l * sizes.dilation.1
                                    guard (0..<rows.length).contains(row), (0..<columns.length).contains(column) else { continue }
                                    let image = (sample * sizes.channels + first + channel) * rows.length + row
                                    let line = (filter * channels + channel) * rows.kernel + k
                                    sum += Double(x[image * columns.length + column]) * Double(w[line * columns.kernel + l])
                                }
                            }
                        }
                        worst = max(worst, abs(Double(without[place]) - sum), abs(Double(with[place]) - sum - Double(b[filter])))
                        place += 1
                    }
                }
            }
        }
        #expect(place == with.count && worst < 1e-4)
    }
}
