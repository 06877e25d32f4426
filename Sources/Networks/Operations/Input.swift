/// The numbers that the network is given. The executor copies them; there is nothing to compute.
public struct InputOperation: Operation {
    public init() {}
    public var name: String { "input" }

    public func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(ShapeProblem) -> [Int] {
        guard case .values(let shape) = batch else {
            throw ShapeProblem("the model reads numbers", expected: "samples of numbers", found: "token ids")
        }
        return shape
    }

    public func forward(_ pass: ForwardPass) {}
    public func backward(_ pass: BackwardPass) {}
}
