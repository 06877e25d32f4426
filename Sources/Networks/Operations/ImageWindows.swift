import Tensors
import Text

/// The settings of windows that slide over images, first down, then across. Nothing is assumed of their values.
struct ImageWindows: Sendable {
    let kernel: (Int, Int)
    let stride: (Int, Int)
    let padding: (Int, Int)
    let dilation: (Int, Int)
    var rounding = WindowAxis.Rounding.down

    /// The windows over images of the given size.
    ///
    /// - Throws: ``Problem`` for settings that make no windows and for images that are too small.
    func axes(over size: (Int, Int)) throws(Problem) -> (rows: WindowAxis, columns: WindowAxis) {
        try check("kernel", kernel, from: 1)
        try check("stride", stride, from: 1)
        try check("padding", padding, from: 0)
        try check("dilation", dilation, from: 1)
        guard size.0 > 0, size.1 > 0, size.0 <= WindowAxis.limit, size.1 <= WindowAxis.limit else {
            throw Problem("images without places", expected: "at least 1x1", found: "\(size.0)x\(size.1)")
        }
        let extent = (
            WindowAxis.extent(kernel: kernel.0, dilation: dilation.0), WindowAxis.extent(kernel: kernel.1, dilation: dilation.1)
        )
        let room = (size.0 + 2 * padding.0, size.1 + 2 * padding.1)
        // Rounded up, one window may reach beyond the padding by less than a stride, as in PyTorch.
        let most = rounding == .up ? (room.0 + stride.0 - 1, room.1 + stride.1 - 1) : room
        guard extent.0 <= most.0, extent.1 <= most.1 else {
            throw Problem(
                "the kernel is larger than the padded image", expected: "at most \(most.0)x\(most.1)", found: "\(extent.0)x\(extent.1)")
        }
        return (
            WindowAxis(
                length: size.0, kernel: kernel.0, stride: stride.0, padding: padding.0, dilation: dilation.0, rounding: rounding),
            WindowAxis(length: size.1, kernel: kernel.1, stride: stride.1, padding: padding.1, dilation: dilation.1, rounding: rounding)
        )
    }

    /// As ``axes(over:)``, for pools: their padding is at most half of the window.
    func poolAxes(over size: (Int, Int)) throws(Problem) -> (rows: WindowAxis, columns: WindowAxis) {
        let axes = try axes(over: size)
        for axis in [axes.rows, axes.columns] {
            let most = WindowAxis.extent(kernel: axis.kernel, dilation: axis.dilation) / 2
            guard axis.padding <= most else {
                throw Problem("a pool's padding is at most half of its window", expected: "at most \(most)", found: "\(axis.padding)")
            }
        }
        return axes
    }

    /// The windows over images whose size has been checked when the run was planned.
    func checkedAxes(of images: Tensor) -> (rows: WindowAxis, columns: WindowAxis) {
        guard images.shape.count == 4, let axes = try? poolAxes(over: (images.shape[2], images.shape[3])) else {
            preconditionFailure("\(images.shape) under \(kernel)")
        }
        return axes
    }

    private func check(_ name: String, _ values: (Int, Int), from least: Int) throws(Problem) {
        for value in [values.0, values.1] where value < least || value > WindowAxis.limit {
            throw Problem("a \(name) that makes no windows", expected: "\(least) to \(WindowAxis.limit)", found: "\(value)")
        }
    }
}

extension Problem {
    /// The numbers that one sample of images may have, 1 GB: settings that give more are mistakes.
    private static let largestSample = 1 << 28

    /// Checks that the number of elements does not overflow, and that one sample is not larger than an image can be.
    static func check(sizeOf shape: [Int]) throws(Problem) {
        var sample = 1
        for length in shape.dropFirst() {
            let (product, overflow) = sample.multipliedReportingOverflow(by: length)
            guard !overflow, product <= largestSample else {
                throw Problem(
                    "images too large to be computed", expected: "at most \(largestSample) numbers a sample", found: words(shape))
            }
            sample = product
        }
        guard !sample.multipliedReportingOverflow(by: shape.first ?? 1).overflow else {
            throw Problem("a batch too large to be computed", expected: "fewer samples", found: words(shape))
        }
    }

    /// The four lengths of images.
    static func images(_ shape: [Int]) throws(Problem) -> (samples: Int, channels: Int, size: (Int, Int)) {
        guard shape.count == 4 else {
            throw Problem("the layer reads images", expected: "samples x channels x rows x columns", found: words(shape))
        }
        return (shape[0], shape[1], (shape[2], shape[3]))
    }
}
