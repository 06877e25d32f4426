extension WeightMatrix {
    /// The same weights in a uniformly random arrangement over the whole matrix.
    package func permuted(_ generator: inout SeededGenerator) -> WeightMatrix {
        switch self {
        case .single(let matrix): .single(matrix.permuted(&generator))
        case .double(let matrix): .double(matrix.permuted(&generator))
        }
    }
}

extension Matrix {
    fileprivate func permuted(_ generator: inout SeededGenerator) -> Matrix {
        Matrix(rows: rows, columns: columns) { target in
            withElements { if let base = $0.baseAddress { target.baseAddress?.update(from: base, count: $0.count) } }
            generator.shuffle(target)
        }
    }
}
