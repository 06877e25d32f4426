/// The generator of every random choice: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64.
///
/// Streams are derived from a seed, words that say what they are for and a layer's place in its model, so that choosing another layer too does not
/// change the numbers that a layer sees, nor does another name. The numbers belong to the version of the tool, not to the standard library.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init(seed: UInt64) {
        var mixer = seed
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = (next(), next(), next(), next())
    }

    /// The stream of `seed` for one purpose on one layer of a model.
    ///
    /// - Parameter layer: the place among the model's weight matrices.
    package init(seed: UInt64, purpose: String, layer: Int, index: Int = 0) {
        self.init(seed: seed, purpose: "\(purpose) of layer \(layer)", index: index)
    }

    /// The stream of `seed` for one purpose and an index within it.
    package init(seed: UInt64, purpose: String, index: Int = 0) {
        // FNV-1a over the words, then over the index.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        for shift in stride(from: 0, to: 64, by: 8) {
            hash = (hash ^ (UInt64(bitPattern: Int64(index)) >> UInt64(shift) & 0xFF)) &* 0x0000_0100_0000_01B3
        }
        self.init(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ hash)
    }

    package mutating func next() -> UInt64 {
        func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
        let result = rotate(state.1 &* 5, 7) &* 9
        let t = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= t
        state.3 = rotate(state.3, 45)
        return result
    }

    /// A uniform integer in 0..<bound, without bias (Lemire's method); `bound` is positive.
    package mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "bound \(bound)")
        let range = UInt64(bound)
        var product = next().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold { product = next().multipliedFullWidth(by: range) }
        }
        return Int(product.high)
    }

    /// A uniform number in [0, 1) with 53 random bits.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A standard normal number (Marsaglia's polar method, one of the pair).
    package mutating func normal() -> Double {
        while true {
            let x = 2 * uniform() - 1
            let y = 2 * uniform() - 1
            let s = x * x + y * y
            if s > 0, s < 1 { return x * (-2 * logarithm(s) / s).squareRoot() }
        }
    }

    /// Puts `elements` into a uniformly random order (Fisher and Yates).
    package mutating func shuffle<Element>(_ elements: UnsafeMutableBufferPointer<Element>) {
        guard elements.count > 1 else { return }
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, integer(below: last + 1))
        }
    }
}
