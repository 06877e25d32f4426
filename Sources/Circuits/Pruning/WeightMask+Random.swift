import Networks
import Tensors

extension WeightMask {
    /// A mask that keeps the same number of weights in each layer, drawn from those that are not zero.
    ///
    /// - Parameter weights: the layers' tensors in the intact model.
    func randomMask(of weights: [Tensor], seed: UInt64, index: Int) -> WeightMask {
        var mask = self
        for (place, layer) in layers.enumerated() {
            var generator = SeededGenerator(seed: seed, purpose: "random mask", layer: place, index: index)
            var candidates = weights[place].withElements { values in values.indices.filter { values[$0] != 0 } }
            candidates.withUnsafeMutableBufferPointer { generator.shuffle($0) }
            var isKept = [Bool](repeating: false, count: layer.isKept.count)
            for chosen in candidates.prefix(layer.keptCount) { isKept[chosen] = true }
            mask.layers[place].isKept = isKept
        }
        return mask
    }

    /// The parameters with the weights set to zero that the mask does not keep.
    func applied(to values: ParameterValues, _ parameters: [ParameterID]) -> ParameterValues {
        var values = values
        for (place, layer) in layers.enumerated() {
            let tensor = values[parameters[place]].copied()
            tensor.withMutableElements { weights in
                for element in weights.indices where !layer.isKept[element] { weights[element] = 0 }
            }
            values[parameters[place]] = tensor
        }
        return values
    }
}
