/// The mean of the metric over the pairs for the clean and for the corrupted run, the ends of the scale for a patched run.
package struct BehaviourScale: Sendable, Equatable {
    package let clean: Double
    package let corrupted: Double

    package init(clean: Double, corrupted: Double) {
        self.clean = clean
        self.corrupted = corrupted
    }

    /// Whether the two differ by more than rounding: by a millionth of the larger one.
    package var moves: Bool {
        abs(clean - corrupted) > max(1e-6 * max(abs(clean), abs(corrupted)), 1e-12)
    }

    /// The position of a value between the corrupted run, 0, and the clean run, 1; nil if the two do not differ.
    package func normalized(_ value: Double) -> Double? { moves ? (value - corrupted) / (clean - corrupted) : nil }
}
