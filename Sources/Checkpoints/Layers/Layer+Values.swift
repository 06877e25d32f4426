import Tensors

extension Layer {
    /// The matrix that other numbers make in the place of the stored ones.
    ///
    /// - Parameter values: as many as the tensor has, in the order of its elements.
    package func weights(of values: Tensor) -> WeightMatrix {
        precondition(values.count == tensor.elementCount, "\(values.shape) for \(tensor.shape)")
        let reader = LayerReader(layout: layout, rows: 0..<outNeurons)
        return values.withElements { source in
            if !isOfSingleElements {
                return .double(
                    Matrix(rows: outNeurons, columns: inNeurons) { target in
                        reader.read(into: target) { part, range in
                            for (place, element) in zip(part.indices, range) { part[place] = Double(source[element]) }
                        }
                    })
            }
            return .single(
                Matrix(rows: outNeurons, columns: inNeurons) { target in
                    reader.read(into: target) { part, range in
                        for (place, element) in zip(part.indices, range) { part[place] = source[element] }
                    }
                })
        }
    }
}
