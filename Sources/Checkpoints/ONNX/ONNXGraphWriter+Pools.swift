import Text

extension ONNXGraphWriter {
    /// Windows of a pool, a number for each side of its images.
    package struct PoolWindows {
        package let kernel: [Int]
        package let stride: [Int]
        package let padding: [Int]
        package let dilation: [Int]
        package let roundsUp: Bool

        package init(kernel: [Int], stride: [Int], padding: [Int], dilation: [Int]? = nil, roundsUp: Bool = false) {
            self.kernel = kernel
            self.stride = stride
            self.padding = padding
            self.dilation = dilation ?? kernel.map { _ in 1 }
            self.roundsUp = roundsUp
        }

        /// The padding at the end of each side that makes windows of a number rounded down those of a number rounded up. nil if ONNX counts the
        /// latter as PyTorch does: a last window that would start in the padding is none.
        ///
        /// - Parameter sizes: the lengths of the sides; nil for one that is open, where a run counts right.
        package func endPadding(over sizes: [Int?]) -> [Int]? {
            let known = sizes.compactMap { $0 }
            guard roundsUp, known.count == kernel.count, stride.count == kernel.count, padding.count == kernel.count,
                dilation.count == kernel.count, (known + kernel + stride + padding + dilation).allSatisfy({ (0..<1 << 30).contains($0) }),
                stride.allSatisfy({ $0 > 0 })
            else { return nil }
            var ends = padding
            var dropsWindow = false
            for side in kernel.indices {
                let extent = (kernel[side] - 1) * dilation[side] + 1
                let rest = known[side] + 2 * padding[side] - extent
                guard rest > -stride[side] else { return nil }
                var count = (rest + stride[side] - 1) / stride[side] + 1
                if (count - 1) * stride[side] >= known[side] + padding[side] {
                    count -= 1
                    dropsWindow = true
                }
                ends[side] = max(padding[side], (count - 1) * stride[side] + extent - known[side] - padding[side])
            }
            return dropsWindow ? ends : nil
        }
    }

    /// Adds a pool.
    ///
    /// - Parameters:
    ///   - counts: whether the padding counts in means; nil for the largest numbers.
    ///   - sizes: the lengths of the images' sides, nil for those that are open.
    package mutating func pool(_ value: String, _ windows: PoolWindows, counts: Bool?, over sizes: [Int?], output: String) -> String {
        let ends = windows.endPadding(over: sizes)
        var (value, counts) = (value, counts)
        var pads = windows.padding + (ends ?? windows.padding)
        if counts == true, let ends, ends != windows.padding {
            // Places beyond the padding do not count: it becomes part of the images.
            let zeros = [0, 0]
            let padded = zeros + windows.padding
            value = add("Pad", [value, constant(padded + padded), constant(Float(0))], [("mode", .text("constant"))])
            pads = windows.padding.map { _ in 0 } + zip(ends, windows.padding).map { $0 - $1 }
            counts = false
        }
        var attributes: [(String, Attribute)] = [
            ("kernel_shape", .integers(windows.kernel)), ("strides", .integers(windows.stride)), ("pads", .integers(pads)),
            ("ceil_mode", .integer(windows.roundsUp && ends == nil ? 1 : 0)),
        ]
        guard let counts else {
            attributes.append(("dilations", .integers(windows.dilation)))
            return add("MaxPool", [value], attributes, output: output)
        }
        attributes.append(("count_include_pad", .integer(counts ? 1 : 0)))
        return add("AveragePool", [value], attributes, output: output)
    }
}
