import Tensors

/// The places of numbers as a tensor, which an operation rearranges in place of the numbers.
struct PlaceTensor {
    let tensor: Tensor

    /// Places are exact in single precision below 2^24.
    init(first: Int, shape: [Int]) {
        tensor = Tensor(shape: shape, (0..<shape.reduce(1, *)).map { Float(first + $0) })
    }

    static func empty(_ shape: [Int]) -> MutableTensor { MutableTensor.zeros(shape) }

    /// The caller alone.
    static var team: Team { Team(size: 1) }
}
