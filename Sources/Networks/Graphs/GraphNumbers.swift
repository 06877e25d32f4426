import Checkpoints
import Text

/// Numbers of a graph that are known before anything runs: shapes, axes, indices, scales.
struct GraphNumbers: Sendable, Equatable {
    var shape: [Int]
    /// In row-major order; whole numbers are exact up to 2^53.
    var values: [Double]

    init(_ shape: [Int], _ values: [Double]) {
        self.shape = shape
        self.values = values
    }

    /// One number.
    init(_ value: Double) { self.init([], [value]) }

    /// A list of whole numbers.
    init(_ values: [Int]) { self.init([values.count], values.map(Double.init)) }

    /// The numbers as integers; those beyond their range, which ONNX uses for "to the end", are the largest.
    var integers: [Int] { values.map(Self.integer) }

    static func integer(_ value: Double) -> Int {
        value.isNaN ? 0 : value >= 9e18 ? .max : value <= -9e18 ? .min : Int(value)
    }

    /// The most numbers that are computed for one value while a graph is read.
    static let limit = 1 << 22
}

/// A value of a graph while it is converted.
struct GraphValue {
    enum Source {
        /// Known before anything runs; one for each probe, or one for all.
        case numbers([GraphNumbers])
        /// A tensor of the checkpoint, with the shape in the file. In the checkpoint its first two dimensions are maybe the other way round.
        case parameter(ONNXModel.Stored)
        /// The output of a node of the network.
        case node(String)
    }

    var source: Source
    var type: ONNXModel.ElementType
    /// The shape for each probe.
    var shapes: [[Int]]
    /// The operator that makes it, for numbers that depend on the batch.
    var origin: Int?

    /// The site, if it is made by a node of the network.
    var site: String? { if case .node(let site) = source { site } else { nil } }

    /// The stored tensor that it is.
    var parameter: ONNXModel.Stored? { if case .parameter(let stored) = source { stored } else { nil } }

    /// The shape, if it is the same for every batch.
    var fixedShape: [Int]? { shapes.allSatisfy { $0 == shapes[0] } ? shapes[0] : nil }
}

extension ShapeTemplate.Length {
    /// The length that has these values for the probes; nil if it is no simple function of the batch.
    init?(_ values: [Int], _ probes: [BatchShape]) {
        guard values.count == probes.count || Set(values).count == 1, let first = values.first else { return nil }
        if values.allSatisfy({ $0 == first }) {
            self = .fixed(first)
            return
        }
        let samples = probes.map(\.samples)
        let positions = probes.map { if case .tokens(_, let length) = $0 { length } else { 0 } }
        let products = zip(samples, positions).map { $0 * $1 }
        for (numbers, perSample, perPosition) in [(samples, true, false), (positions, false, true), (products, true, true)] {
            guard numbers[0] != numbers[1] else { continue }
            let (factor, rest) = (values[1] - values[0]).quotientAndRemainder(dividingBy: numbers[1] - numbers[0])
            let offset = values[0] - factor * numbers[0]
            guard rest == 0, factor != 0, zip(values, numbers).allSatisfy({ $0 == factor * $1 + offset }) else { continue }
            self = .number(factor: factor, perSample: perSample, perPosition: perPosition, offset: offset)
            return
        }
        return nil
    }
}
