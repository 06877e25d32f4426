/// The layout in which the kernels of a correlation read one sample's images: tap t at the position (y, x) is at
/// offsets[t] + y * stride + x from the first tap of its group.
struct TapLayout {
    /// What must be done to the images first.
    enum Preparation {
        /// Nothing: they are read where they are.
        case none
        /// A copy with the padding around it.
        case padding
        /// A copy for every tap.
        case unfolding
    }

    let shape: ConvolutionShape
    let preparation: Preparation
    /// The rows of places and their length.
    let height: Int
    let width: Int
    /// From one row of places to the next.
    let stride: Int
    /// From one channel to the next, and from one row of a filter and one column of it to the next; in an unfolded image from one tap
    /// to the next.
    private let channelStep: Int
    private let rowStep: Int
    private let columnStep: Int

    /// Runs of places are read in whole vectors, none of which is longer.
    static let vector = 16

    static func wholeVectors(_ count: Int) -> Int { (count + vector - 1) / vector * vector }

    /// - Parameter wholeRows: rows of places are read up to a multiple of a vector; otherwise their last vector reaches back.
    init(_ shape: ConvolutionShape, wholeRows: Bool = false) {
        self.shape = shape
        let (rows, columns) = (shape.rows, shape.columns)
        func isRunnable(_ width: Int) -> Bool { wholeRows ? width % Self.vector == 0 : width >= Self.vector }
        guard rows.stride == 1, columns.stride == 1 else {
            preparation = .unfolding
            (height, width) = (1, wholeRows ? Self.wholeVectors(shape.outputPlane) : shape.outputPlane)
            columnStep = Self.wholeVectors(shape.outputPlane)
            rowStep = columnStep * columns.kernel
            channelStep = columnStep * shape.kernel
            stride = columnStep
            return
        }
        let isPadded = rows.padding > 0 || columns.padding > 0
        if !isPadded, shape.kernel == 1, isRunnable(shape.outputPlane) {
            preparation = .none
            (height, width) = (1, shape.outputPlane)
        } else if isRunnable(columns.count) {
            preparation = isPadded ? .padding : .none
            (height, width) = (rows.count, columns.count)
        } else {
            preparation = .padding
            (height, width) =
                wholeRows
                ? (1, Self.wholeVectors(rows.count * (columns.length + 2 * columns.padding))) : (rows.count, columns.count)
        }
        stride = columns.length + 2 * columns.padding
        channelStep = (rows.length + 2 * rows.padding) * stride
        rowStep = rows.dilation * stride
        columnStep = columns.dilation
    }

    /// The distance from one group's images to the next.
    var groupStep: Int { shape.groupChannels * channelStep }

    /// The number of elements of a prepared sample, with zeros around the images and after them.
    var prepared: Int {
        switch preparation {
        case .none: 0
        case .padding: Self.wholeVectors(shape.channels * channelStep + shape.columns.kernel * columnStep + Self.vector)
        case .unfolding: shape.channels * channelStep + Self.vector
        }
    }

    /// From one sample to the next, prepared or not.
    var sampleStep: Int { preparation == .none ? shape.channels * shape.inputPlane : prepared }

    /// offsets [taps].
    func writeOffsets(_ offsets: UnsafeMutablePointer<Int32>) {
        var next = offsets
        for channel in 0..<shape.groupChannels {
            for row in 0..<shape.rows.kernel {
                for column in 0..<shape.columns.kernel {
                    next.pointee = Int32(channel * channelStep + row * rowStep + column * columnStep)
                    next += 1
                }
            }
        }
    }

    /// Sets a place for prepared samples to zero, once for all samples that follow each other there.
    func clear(_ target: UnsafeMutablePointer<Float>) {
        if preparation == .padding { target.update(repeating: 0, count: prepared) }
    }

    /// The images of a sample as the kernels read them, which is where they are or in `target`.
    func prepare(_ images: UnsafePointer<Float>, in target: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
        switch preparation {
        case .none: return images
        case .padding: Unfolding.pad(images, shape, into: target)
        case .unfolding:
            Unfolding.unfold(images, shape, into: target, stride: columnStep)
            (target + shape.channels * channelStep).update(repeating: 0, count: Self.vector)
        }
        return UnsafePointer(target)
    }
}
