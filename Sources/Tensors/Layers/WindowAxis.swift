/// How windows slide along one side of an image: window i covers the places i * stride - padding + j * dilation for j in 0..<kernel.
package struct WindowAxis: Sendable, Equatable {
    /// What becomes of windows that fit only in part.
    package enum Rounding: String, Sendable {
        /// They are left out.
        case down
        /// They are kept where they begin inside the image or the padding before it.
        case up
    }

    /// The places of the image along the side.
    package let length: Int
    package let kernel: Int
    package let stride: Int
    package let padding: Int
    package let dilation: Int
    /// The number of windows.
    package let count: Int

    /// No setting and no length may be larger than this, so that sums and products of two of them do not overflow.
    package static let limit = Int(Int32.max)

    /// The places from a window's first to its last.
    package static func extent(kernel: Int, dilation: Int) -> Int { (kernel - 1) * dilation + 1 }

    /// - Precondition: `kernel`, `stride`, `dilation` and `length` from 1, `padding` from 0 to ``limit``, and a window fits into the
    ///   padded image, or leaves it by less than a stride if it is rounded up.
    package init(length: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, rounding: Rounding = .down) {
        precondition(
            [length, kernel, stride, dilation].allSatisfy { $0 >= 1 && $0 <= Self.limit } && padding >= 0 && padding <= Self.limit,
            "\(length), \(kernel), \(stride), \(padding), \(dilation)")
        self.length = length
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        let room = length + 2 * padding - Self.extent(kernel: kernel, dilation: dilation)
        precondition(room >= 0 || (rounding == .up && room > -stride), "a kernel of \(kernel) by \(dilation) on \(length) + 2 * \(padding)")
        switch rounding {
        case .down: count = room / stride + 1
        case .up:
            let all = (room + stride - 1) / stride + 1
            count = (all - 1) * stride >= length + padding ? all - 1 : all
        }
    }

    /// The first position of a window, which may be in the padding.
    func start(_ window: Int) -> Int { window * stride - padding }

    /// A window's first position that is not in the padding before the image.
    func firstPlace(_ window: Int) -> Int {
        let start = start(window)
        return start >= 0 ? start : start + (dilation - 1 - start) / dilation * dilation
    }

    /// The position after a window's last one.
    func end(_ window: Int) -> Int { start(window) + Self.extent(kernel: kernel, dilation: dilation) }

    /// The windows whose element `tap` is inside the image.
    func windows(reaching tap: Int) -> Range<Int> {
        let shift = tap * dilation - padding
        let first = shift >= 0 ? 0 : (-shift + stride - 1) / stride
        let end = shift >= length ? 0 : (length - 1 - shift) / stride + 1
        let last = min(count, end)
        return min(first, last)..<last
    }
}
