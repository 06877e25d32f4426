import Glibc
import Text

/// Where numbers lie along an axis.
package struct Scale: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case linear, logarithmic }

    let kind: Kind
    /// Ends at round numbers.
    let domain: ClosedRange<Double>
    /// The pixels of the domain's ends.
    let start: Double
    let end: Double
    /// Round numbers within the domain, rising, with their texts.
    let ticks: [Tick]

    struct Tick: Hashable, Sendable {
        let value: Double
        let text: String
    }

    /// Numbers beyond this are not drawn, so that no difference of two overflows.
    static let limit = 1e300

    /// Whether the scale has a place for the number.
    static func accepts(_ value: Double, _ kind: Kind) -> Bool {
        abs(value) <= limit && (kind == .linear || value >= 1 / limit)
    }

    /// A scale whose domain holds the range and ends at round numbers.
    ///
    /// - Parameters:
    ///   - tickCount: about how many ticks there are at most, at least 2.
    ///   - isWhole: whether there are only whole numbers on a linear scale, and so no ticks between them.
    init(_ kind: Kind, holding range: ClosedRange<Double>, start: Double, end: Double, tickCount: Int, isWhole: Bool = false) {
        self.kind = kind
        self.start = start
        self.end = end
        (domain, ticks) = kind == .linear ? Self.linear(range, tickCount, isWhole) : Self.logarithmic(range, tickCount)
    }

    /// The pixel of a number, which lies between the ends; nil if the scale has no place for it.
    func position(_ value: Double) -> Double? {
        guard Self.accepts(value, kind) else { return nil }
        let share =
            kind == .linear
            ? (value - domain.lowerBound) / (domain.upperBound - domain.lowerBound)
            : (log(value) - log(domain.lowerBound)) / (log(domain.upperBound) - log(domain.lowerBound))
        return start + min(max(share, 0), 1) * (end - start)
    }

    /// The smallest range around the numbers that the scale has a place for; nil if there are none.
    static func range(_ values: some Sequence<Double>, _ kind: Kind = .linear) -> ClosedRange<Double>? {
        var (low, high) = (Double.infinity, -Double.infinity)
        for value in values where accepts(value, kind) {
            low = min(low, value)
            high = max(high, value)
        }
        return low <= high ? low...high : nil
    }

    private static func linear(_ range: ClosedRange<Double>, _ tickCount: Int, _ isWhole: Bool) -> (ClosedRange<Double>, [Tick]) {
        var (low, high) = (max(range.lowerBound, -limit), min(range.upperBound, limit))
        // A range of one number, or too narrow for its digits, is widened.
        if high - low <= max(max(abs(low), abs(high)) * 1e-12, 1e-290) {
            let margin = abs(low) * 0.1
            (low, high) = margin < 1e-280 ? (0, 1) : (low - margin, high + margin)
        }
        let step = max(roundStep((high - low) / Double(max(1, tickCount - 1))), isWhole ? 1 : 0)
        let first = (low / step + 1e-9).rounded(.down)
        let last = (high / step - 1e-9).rounded(.up)
        let count = Int(min(max(last - first, 1), 200))
        let ticks = (0...count).map { index -> Tick in
            let value = (first + Double(index)) * step
            return Tick(value: value, text: text(value, step: step))
        }
        return (first * step...max(last, first + 1) * step, ticks)
    }

    /// The least of 1, 2, 5 times a power of ten that is not below the step.
    private static func roundStep(_ step: Double) -> Double {
        let power = pow(10, (log10(step)).rounded(.down))
        let share = step / power
        return power * (share <= 1.000001 ? 1 : share <= 2.000001 ? 2 : share <= 5.000001 ? 5 : 10)
    }

    private static func logarithmic(_ range: ClosedRange<Double>, _ tickCount: Int) -> (ClosedRange<Double>, [Tick]) {
        let (low, high) = (max(range.lowerBound, 1 / limit), min(max(range.upperBound, 1 / limit), limit))
        var first = Int((log10(low) + 1e-9).rounded(.down))
        var last = Int((log10(high) - 1e-9).rounded(.up))
        if last <= first { (first, last) = (min(first, last), first + 1) }
        first = max(first, -300)
        last = min(last, 300)
        let decades = last - first
        let stride = max(1, (decades + tickCount - 2) / max(1, tickCount - 1))
        let factors: [Double] = decades * 3 < tickCount ? [1, 2, 5] : [1]
        var ticks: [Tick] = []
        for exponent in Swift.stride(from: first, through: last, by: stride) {
            for factor in factors where exponent < last || factor == 1 {
                let value = factor * pow(10, Double(exponent))
                ticks.append(Tick(value: value, text: text(value, step: value)))
            }
        }
        return (pow(10, Double(first))...pow(10, Double(last)), ticks)
    }

    /// The number with as many digits as the step has; an exponent where there would be many zeros.
    static func text(_ value: Double, step: Double) -> String {
        if value == 0 { return "0" }
        let size = abs(value)
        if size >= 1e6 || step < 1e-4 {
            let exponent = Int((log10(size) + 1e-9).rounded(.down))
            let digits = max(0, exponent - Int((log10(step) + 1e-9).rounded(.down)))
            var mantissa = ByteText.fixed(value / pow(10, Double(exponent)), digits: min(digits, 12))
            if mantissa.contains(".") {
                while mantissa.hasSuffix("0") { mantissa.removeLast() }
                if mantissa.hasSuffix(".") { mantissa.removeLast() }
            }
            return NumberText.signed("\(mantissa)e\(exponent)")
        }
        let digits = max(0, -Int((log10(step) + 1e-9).rounded(.down)))
        if digits == 0, size >= 1000 { return ByteText.grouped(Int(value.rounded())) }
        return NumberText.fixed(value, digits: digits)
    }
}

/// Where categories lie along an axis: bands of the same length.
struct Bands: Hashable, Sendable {
    let count: Int
    let start: Double
    let end: Double

    /// The length of a band with the gap to the next.
    var step: Double { (end - start) / Double(max(1, count)) }

    func middle(_ index: Int) -> Double { start + (Double(index) + 0.5) * step }

    /// The part of a band that is filled, from its lower pixel on.
    func band(_ index: Int, filling share: Double = 0.72) -> (start: Double, length: Double) {
        (middle(index) - step * share / 2, step * share)
    }
}
