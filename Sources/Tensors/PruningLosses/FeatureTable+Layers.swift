import Glibc

/// Layers on tables of features, each with its weights in double precision.
extension FeatureTable {
    /// A block of a matrix [out, in] that an array holds row by row.
    package struct Block: Sendable {
        package var rows: Range<Int>
        package var columns: Range<Int>
        /// The length of the matrix's rows.
        package let width: Int

        package init(rows: Range<Int>, columns: Range<Int>, width: Int) {
            self.rows = rows
            self.columns = columns
            self.width = width
        }
    }

    /// The features from `target` on += the block of the weights times the features of `x` from `first` on.
    package func addProduct(_ weights: [Double], _ block: Block, of x: FeatureTable, first: Int = 0, to target: Int = 0) {
        precondition(x.samples == samples && weights.count >= block.rows.upperBound * block.width, "\(weights.count) weights")
        precondition(
            block.columns.upperBound <= block.width && block.columns.lowerBound >= 0 && block.rows.lowerBound >= 0,
            "a block outside the matrix")
        check(target..<target + block.rows.count)
        x.check(first..<first + block.columns.count)
        guard !block.rows.isEmpty, !block.columns.isEmpty else { return }
        weights.withUnsafeBufferPointer { weights in
            guard let base = weights.baseAddress else { return }
            Double.gemm(
                .no, .no, m: block.rows.count, n: samples, k: block.columns.count, alpha: 1,
                base + block.rows.lowerBound * block.width + block.columns.lowerBound, block.width, UnsafePointer(x.pointer(first)),
                samples,
                beta: 1, pointer(target), samples)
        }
    }

    /// The plane of features from `target` on += factor times the plane of `x` from `first` on, seen through one element of a kernel:
    /// (row * kernel columns + column). The shape's number of samples does not matter.
    package func addTap(_ tap: Int, _ shape: ConvolutionShape, factor: Double, of x: FeatureTable, first: Int, to target: Int) {
        precondition(x.samples == samples && tap >= 0 && tap < shape.kernel, "tap \(tap) of \(shape.kernel)")
        check(target..<target + shape.outputPlane)
        x.check(first..<first + shape.inputPlane)
        let (down, across) = (tap / shape.columns.kernel, tap % shape.columns.kernel)
        let run = shape.columns.windows(reaching: across)
        guard !run.isEmpty else { return }
        let column = shape.columns.start(run.lowerBound) + across * shape.columns.dilation
        for row in shape.rows.windows(reaching: down) {
            let y = pointer(target + row * shape.columns.count + run.lowerBound)
            let source = x.pointer(first + (shape.rows.start(row) + down * shape.rows.dilation) * shape.columns.length + column)
            if shape.columns.stride == 1 {
                DoubleKernels.current.addScaled(factor, UnsafePointer(source), y, run.count * samples)
            } else {
                for place in 0..<run.count {
                    DoubleKernels.current.addScaled(
                        factor, UnsafePointer(source + place * shape.columns.stride * samples), y + place * samples, samples)
                }
            }
        }
    }

    /// self = f(self), element by element.
    package func activate(_ function: ActivationFunction) {
        let (values, count) = (pointer(0), features * samples)
        switch function {
        case .relu: DoubleKernels.current.rectify(UnsafePointer(values), values, count)
        case .gelu: for i in 0..<count { values[i] = 0.5 * values[i] * erfc(-values[i] * 0.5.squareRoot()) }
        case .geluTanh:
            for i in 0..<count {
                let x = values[i]
                values[i] = 0.5 * x * (1 + Glibc.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
            }
        case .silu: for i in 0..<count { values[i] /= 1 + exp(-values[i]) }
        case .tanh: for i in 0..<count { values[i] = Glibc.tanh(values[i]) }
        case .sigmoid: for i in 0..<count { values[i] = 1 / (1 + exp(-values[i])) }
        }
    }

    /// Some features = factor * they + shift.
    package func scale(_ features: Range<Int>, by factor: Double, adding shift: Double) {
        check(features)
        let values = pointer(features.lowerBound)
        for i in 0..<features.count * samples { values[i] = factor * values[i] + shift }
    }

    /// All planes = the largest number of each window over the planes of `x`; minus infinity for windows without a place.
    package func setMaxima(of x: FeatureTable, rows: WindowAxis, columns: WindowAxis) {
        let (inPlane, outPlane) = (rows.length * columns.length, rows.count * columns.count)
        precondition(x.samples == samples && x.features / inPlane * outPlane == features, "\(x.features) features to \(features)")
        for plane in 0..<x.features / inPlane {
            for row in 0..<rows.count {
                for column in 0..<columns.count {
                    let target = pointer(plane * outPlane + row * columns.count + column)
                    var isFirst = true
                    for y in stride(from: rows.firstPlace(row), to: min(rows.length, rows.end(row)), by: rows.dilation) {
                        for z in stride(
                            from: columns.firstPlace(column), to: min(columns.length, columns.end(column)), by: columns.dilation)
                        {
                            let source = UnsafePointer(x.pointer(plane * inPlane + y * columns.length + z))
                            if isFirst {
                                target.update(from: source, count: samples)
                            } else {
                                DoubleKernels.current.raise(source, target, samples)
                            }
                            isFirst = false
                        }
                    }
                    if isFirst { target.update(repeating: -.infinity, count: samples) }
                }
            }
        }
    }

    /// All planes = the mean of each window over the planes of `x`; zero for windows without a place.
    package func setMeans(of x: FeatureTable, rows: Pooling.Means, columns: Pooling.Means) {
        let (inPlane, outPlane) = (rows.length * columns.length, rows.count * columns.count)
        precondition(x.samples == samples && x.features / inPlane * outPlane == features, "\(x.features) features to \(features)")
        for plane in 0..<x.features / inPlane {
            for row in 0..<rows.count {
                let down = rows.window(row)
                for column in 0..<columns.count {
                    let across = columns.window(column)
                    let target = pointer(plane * outPlane + row * columns.count + column)
                    target.update(repeating: 0, count: samples)
                    let share = 1 / Double(max(down.counted * across.counted, 1))
                    for y in down.places {
                        for z in across.places {
                            DoubleKernels.current.addScaled(
                                share, UnsafePointer(x.pointer(plane * inPlane + y * columns.length + z)), target, samples)
                        }
                    }
                }
            }
        }
    }
}
