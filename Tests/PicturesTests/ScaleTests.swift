import Testing

@testable import Pictures

@Suite struct ScaleTests {
    private func texts(_ range: ClosedRange<Double>, _ kind: Scale.Kind = .linear, count: Int = 6) -> [String] {
        Scale(kind, holding: range, start: 0, end: 100, tickCount: count).ticks.map(\.text)
    }

    @Test func ticksAreRound() {
        #expect(texts(0...1) == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"])
        #expect(texts(0.13...0.87) == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"])
        #expect(texts(-3...7) == ["−4", "−2", "0", "2", "4", "6", "8"])
        #expect(texts(0...30000) == ["0", "10,000", "20,000", "30,000"])
        #expect(texts(0...3e7) == ["0", "1e7", "2e7", "3e7"])
        #expect(texts(0...0.00003) == ["0", "1e−5", "2e−5", "3e−5"])
        #expect(texts(0.001...0.5, .logarithmic) == ["0.001", "0.01", "0.1", "1"])
    }

    @Test func wholeNumbersHaveNoTicksBetweenThem() {
        func texts(_ range: ClosedRange<Double>, isWhole: Bool) -> [String] {
            Scale(.linear, holding: range, start: 0, end: 600, tickCount: 13, isWhole: isWhole).ticks.map(\.text)
        }
        #expect(texts(2...8, isWhole: true) == ["2", "3", "4", "5", "6", "7", "8"])
        #expect(texts(2...8, isWhole: false).contains("2.5"))
        #expect(texts(4...4, isWhole: true) == ["3", "4", "5"])
        #expect(texts(0...150, isWhole: true) == texts(0...150, isWhole: false))
    }

    @Test func ticksRiseAndHoldTheRange() {
        var noise = Noise(1)
        for _ in 0..<2000 {
            let exponent = noise.next() * 40 - 20
            var low = (noise.next() - 0.5) * power(exponent)
            var high = low + noise.next() * power(noise.next() * 20 - 10 + exponent / 2)
            if noise.next() < 0.05 { high = low }
            if low > high { swap(&low, &high) }
            let scale = Scale(.linear, holding: low...high, start: 0, end: 100, tickCount: 5)
            let margin = (high - low) * 1e-6 + abs(low) * 1e-6
            #expect(scale.domain.lowerBound <= low + margin && scale.domain.upperBound >= high - margin)
            #expect((2...14).contains(scale.ticks.count))
            #expect(zip(scale.ticks, scale.ticks.dropFirst()).allSatisfy { $0.value < $1.value }, "\(low) \(high)")
        }
    }

    private func power(_ exponent: Double) -> Double {
        var value = 1.0
        for _ in 0..<Int(abs(exponent)) { value *= exponent < 0 ? 0.1 : 10 }
        return value
    }

    @Test func hugeAndTinyRangesDoNotTrap() {
        for range in [-1.7e308...1.7e308, 0...5e-324, 1e-300...1e300, 1e15...1e15 + 1, -5e-324...5e-324] {
            for kind in [Scale.Kind.linear, .logarithmic] {
                let scale = Scale(kind, holding: range, start: 0, end: 100, tickCount: 5)
                for value in [range.lowerBound, range.upperBound, 0, .nan, .infinity] {
                    if let place = scale.position(value) { #expect(place >= 0 && place <= 100) }
                }
            }
        }
    }

    @Test func logarithmicPlacesAreEvenByRatio() throws {
        let scale = Scale(.logarithmic, holding: 1...10000, start: 0, end: 400, tickCount: 6)
        #expect(abs(try #require(scale.position(100)) - 200) < 1e-9)
        #expect(scale.position(0) == nil && scale.position(-1) == nil)
    }

    @Test func spreadLabelsKeepTheirDistanceAndTheirMean() {
        #expect(EndLabels.spread([10, 50], in: 0...100, apart: 14) == [10, 50])
        #expect(EndLabels.spread([50, 50, 50], in: 0...100, apart: 10) == [40, 50, 60])
        #expect(EndLabels.spread([0, 1], in: 0...100, apart: 10) == [0, 10])
        #expect(EndLabels.spread([100, 99], in: 0...100, apart: 10) == [100, 90])
        // The pair at 20 is pushed onto the one at 28, and all three move together: 20 + 20 + 8 about their mean.
        let three = EndLabels.spread([20, 20, 28], in: 0...100, apart: 10)
        #expect(abs(three[0] - (20 + 10 + 8) / 3.0) < 1e-9 && abs(three[2] - three[0] - 20) < 1e-9)
    }
}
