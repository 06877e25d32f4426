import KernelsV4

/// Products of straight factors by panels of columns: the second factor is copied, the first is read where it is.
///
/// BLAS copies both but for small products, and its kernels want more rows than a few sequences have.
enum PanelProduct {
    /// The rows that the kernel computes at a time.
    static let height = 8
    private static let wide = KernelsV4.panelWidth()
    private static let narrow = KernelsV4.narrowPanelWidth()
    /// The terms of a sum that are added at once: a panel of them stays in the first cache levels.
    private static let depth = 256
    /// Up to this many multiplications BLAS copies nothing.
    private static let smallest = 1_000_000

    /// Whether it is faster than BLAS: on CPUs with AVX-512.
    static func serves(_ a: Product.Layout, _ b: Product.Layout, rows: Int, inner: Int, columns: Int) -> Bool {
        InstructionSet.current == .v4 && a == .straight && b == .straight && rows >= height && columns >= narrow && inner > 0
            && Double(rows) * Double(inner) * Double(columns) > Double(smallest)
    }

    /// C [rows, columns] = or += A [rows, inner] B [inner, columns] for at least `height` rows.
    ///
    /// An element is the sum of its terms in their order, in parts of `depth`, wherever it is in the product.
    static func multiply(
        _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, rows: Int, inner: Int, columns: Int,
        into c: UnsafeMutablePointer<Float>, _ cStride: Int, adds: Bool
    ) {
        precondition(rows >= height, "\(rows) rows")
        withUnsafeTemporaryAllocation(of: Float.self, capacity: min(depth, inner) * wide + height * wide) { room in
            guard let panel = room.baseAddress else { return }
            let edge = panel + min(depth, inner) * wide
            for first in stride(from: 0, to: inner, by: depth) {
                let count = min(depth, inner - first)
                var column = 0
                while column < columns {
                    let left = columns - column
                    // Two narrow panels instead of a wide one and a rest that fills less than half of another.
                    let isNarrow = left <= narrow || left > wide && left <= 2 * narrow
                    let panelWidth = isNarrow ? narrow : wide
                    let width = min(panelWidth, left)
                    KernelsV4.writePanel(b + first * bStride + column, bStride, count, width, panelWidth, panel)
                    let multiply = isNarrow ? KernelsV4.multiplyNarrowPanel : KernelsV4.multiplyPanel
                    let isAdded = adds || first > 0
                    for row in stride(from: 0, to: rows, by: height) {
                        let (valid, target) = (min(height, rows - row), c + row * cStride + column)
                        if valid == height, width == panelWidth {
                            multiply(a + row * aStride + first, aStride, count, panel, target, cStride, isAdded)
                            continue
                        }
                        // The last rows are computed together with some before them.
                        multiply(a + (row + valid - height) * aStride + first, aStride, count, panel, edge, panelWidth, false)
                        for own in 0..<valid {
                            let (line, sums) = (target + own * cStride, edge + (height - valid + own) * panelWidth)
                            if isAdded {
                                for place in 0..<width { line[place] += sums[place] }
                            } else {
                                line.update(from: sums, count: width)
                            }
                        }
                    }
                    column += width
                }
            }
        }
    }
}
