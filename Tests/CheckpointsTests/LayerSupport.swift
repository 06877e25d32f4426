import Archives
import Tensors

@testable import Checkpoints

/// A float32 tensor whose elements are 0, 1, 2, ... in row-major order, or the given ones.
func record(_ name: String, _ shape: [Int], _ values: [Float]? = nil) throws -> TensorRecord {
    let count = shape.reduce(1, *)
    let bytes = (values ?? (0..<count).map(Float.init)).flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
    return try TensorRecord(name: name, dtype: .f32, shape: shape, bytes: ByteRegion(copying: bytes))
}

/// What the tensors of these names and shapes are.
func catalog(_ tensors: [(String, [Int])], keepsOrder: Bool = false, configuration: String? = nil) throws -> LayerCatalog {
    LayerCatalog(
        tensors: try tensors.map { try record($0.0, $0.1) }, keepsOrder: keepsOrder,
        configuration: configuration.map { ByteRegion(copying: Array($0.utf8)) })
}

/// The rows of a matrix.
func rows(_ matrix: WeightMatrix) -> [[Double]] {
    (0..<matrix.rows).map { row in (0..<matrix.columns).map { matrix[row, $0] } }
}
