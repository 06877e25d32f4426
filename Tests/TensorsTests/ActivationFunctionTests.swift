import Glibc
import Kernels
import Testing

@testable import Tensors

/// Activation functions against the C library in double precision.
struct ActivationFunctionTests {
    /// -20...20 in steps of 1/128, and what lies at the seams.
    private static let places: [Float] =
        (-2560...2560).map { Float($0) / 128 } + [
            0.624_999, 0.625, 0.625_001, 1e-3, -1e-3, 1e-8, -1e-8, 1e-30, -1e-30, 0, 40, -40, 87, -87,
        ]

    private static func reference(_ function: ActivationFunction, _ x: Double) -> Double {
        func logistic(_ x: Double) -> Double { x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)) }
        return switch function {
        case .relu: max(x, 0)
        case .gelu: x * erfc(-x * 0.5.squareRoot()) / 2
        case .geluTanh: x * logistic(2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))
        case .silu: x * logistic(x)
        case .tanh: Glibc.tanh(x)
        case .sigmoid: logistic(x)
        }
    }

    /// The relative error allowed at x: that of the argument of GELU's approximation grows with it.
    private static func tolerance(_ function: ActivationFunction, _ x: Double) -> Double {
        function == .geluTanh ? 4e-7 * (1 + min(abs(x * (1 + 0.05 * x * x)), 90)) : 6e-7
    }

    @Test(arguments: ActivationFunction.allCases)
    func values_are_right_to_the_last_bits_into_the_tails(function: ActivationFunction) {
        let places = Self.places
        let source = Tensor(shape: [places.count], places)
        let target = MutableTensor(uninitialized: [places.count])
        function.apply(to: source, into: target, team: Team(size: 1))
        check(target.elements, function, "chosen")
    }

    @Test(arguments: ActivationFunction.allCases)
    func the_kernels_for_any_processor_are_as_right(function: ActivationFunction) {
        var values = Self.places
        values.withUnsafeMutableBufferPointer { Kernels.activate(function.code, $0.baseAddress!, $0.baseAddress!, $0.count) }
        check(values, function, "baseline")
    }

    private func check(_ values: [Float], _ function: ActivationFunction, _ kernels: String) {
        var worst = 0.0
        for (x, y) in zip(Self.places, values) {
            let expected = Self.reference(function, Double(x))
            let error = abs(Double(y) - expected)
            // Numbers too small for full precision may be 0.
            if abs(expected) < 1e-35 {
                #expect(error < 1e-35, "\(function) of \(x): \(y)")
            } else {
                worst = max(worst, error / abs(expected) / Self.tolerance(function, Double(x)))
            }
        }
        #expect(worst <= 1, "\(function), \(kernels): \(worst) times the tolerance")
    }

    @Test(arguments: ActivationFunction.allCases)
    func the_slope_is_the_derivative(function: ActivationFunction) {
        let places = Self.places
        let source = Tensor(shape: [places.count], places)
        let ones = Tensor(shape: [places.count], [Float](repeating: 1, count: places.count))
        let slope = MutableTensor.zeros([places.count])
        function.addGradient(at: source, outputGradient: ones, to: slope, team: Team(size: 1))
        for (x, found) in zip(places, slope.elements) where x != 0 || function != .relu {
            let (x, h) = (Double(x), 1e-4)
            let f = { Self.reference(function, $0) }
            // The fourth-order difference, which is meaningless near a kink.
            if function == .relu, abs(x) < 1e-3 { continue }
            let expected = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
            #expect(abs(Double(found) - expected) < 1e-6, "\(function) at \(x): \(found), \(expected)")
        }
    }

    @Test func infinity_and_nan_stay_what_they_are() {
        let source = Tensor(shape: [3], [.infinity, -.infinity, .nan])
        let target = MutableTensor(uninitialized: [3])
        let expected: [ActivationFunction: (Float, Float?)] = [
            .relu: (.infinity, 0), .gelu: (.infinity, nil), .geluTanh: (.infinity, nil), .silu: (.infinity, nil), .tanh: (1, -1),
            .sigmoid: (1, 0),
        ]
        for (function, (above, below)) in expected {
            function.apply(to: source, into: target, team: Team(size: 1))
            let found = target.elements
            #expect(found[0] == above && found[2].isNaN, "\(function): \(found)")
            // As in PyTorch, minus infinity times 0 is not a number.
            if let below { #expect(found[1] == below) } else { #expect(found[1].isNaN) }
        }
    }
}
