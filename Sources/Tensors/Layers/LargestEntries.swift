/// The entries of rows with the largest magnitudes.
package enum LargestEntries {
    /// The magnitude that decides: all above it are kept, and the first `ties` of those that have it.
    private struct Limit {
        var magnitude: UInt32
        var ties: Int
    }

    /// target = the `count` entries of each row of `source` that are largest without their sign, 0 in place of the others; of equal ones the
    /// first. Both may be the same memory.
    ///
    /// - Parameter count: at most the width.
    package static func keep(_ count: Int, of source: Tensor, into target: MutableTensor, team: Team) {
        let width = target.width
        precondition(source.count == target.count && (0...width).contains(count), "\(count) of \(source.shape) into \(target.shape)")
        team.forEach(target.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let x = source.pointer + row * width
                let y = target.mutablePointer + row * width
                var limit = limit(of: x, width, count)
                for place in 0..<width { y[place] = takes(x[place], &limit) ? x[place] : 0 }
            }
        }
    }

    /// gradient += the rows of `outputGradient` where ``keep(_:of:into:team:)`` keeps the entries of `source`.
    package static func addGradient(
        keeping count: Int, of source: Tensor, outputGradient: Tensor, to gradient: MutableTensor, team: Team
    ) {
        let width = source.width
        precondition(
            source.count == outputGradient.count && gradient.count == source.count && (0...width).contains(count), "\(source.shape)")
        team.forEach(source.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let x = source.pointer + row * width
                let (dy, dx) = (outputGradient.pointer + row * width, gradient.mutablePointer + row * width)
                var limit = limit(of: x, width, count)
                for place in 0..<width where takes(x[place], &limit) { dx[place] += dy[place] }
            }
        }
    }

    /// The number without its sign as an integer of the same order, in which numbers that are none come last.
    private static func magnitude(_ number: Float) -> UInt32 { number.bitPattern & 0x7FFF_FFFF }

    private static func takes(_ number: Float, _ limit: inout Limit) -> Bool {
        let magnitude = magnitude(number)
        if magnitude != limit.magnitude { return magnitude > limit.magnitude }
        limit.ties -= 1
        return limit.ties >= 0
    }

    /// Byte by byte, from the first, by how many entries have each.
    private static func limit(of x: UnsafePointer<Float>, _ width: Int, _ count: Int) -> Limit {
        guard count > 0 else { return Limit(magnitude: .max, ties: 0) }
        return withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { counts in
            var (prefix, missing): (UInt32, Int) = (0, count)
            for shift in stride(from: UInt32(24), through: 0, by: -8) {
                counts.update(repeating: 0)
                for place in 0..<width {
                    let magnitude = magnitude(x[place])
                    if magnitude >> (shift + 8) == prefix { counts[Int(magnitude >> shift & 0xFF)] += 1 }
                }
                var byte = 255
                while missing > counts[byte] {
                    missing -= counts[byte]
                    byte -= 1
                }
                prefix = prefix << 8 | UInt32(byte)
            }
            return Limit(magnitude: prefix, ties: missing)
        }
    }
}
