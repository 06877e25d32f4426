/// The types of PyTorch's tensors, by torch.export's numbers, and what arithmetic makes of two of them.
///
/// Source: PyTorch's documentation of `torch.result_type`.
enum TorchType: Int, Sendable {
    case uint8 = 1, int8, int16, int32, int64, half, float, double
    case complexHalf, complexFloat, complexDouble, bool, bfloat16

    /// The type of numbers in code that have a point.
    static let standard = TorchType.float

    var isFloating: Bool {
        switch self {
        case .half, .float, .double, .bfloat16: true
        default: false
        }
    }

    var isComplex: Bool { [.complexHalf, .complexFloat, .complexDouble].contains(self) }

    /// Whether elements are whole numbers; truth values are none.
    var isInteger: Bool { !isFloating && !isComplex && self != .bool }

    /// The type of ONNX that is computed in: single precision for every type of floating point, as everything is run here. onnxruntime has few
    /// operators for the others.
    var element: ONNXModel.ElementType {
        switch self {
        case .uint8: .uint8
        case .int8: .int8
        case .int16: .int16
        case .int32: .int32
        case .int64: .int64
        case .half, .float, .double, .bfloat16: .float
        case .complexHalf, .complexFloat: .complex64
        case .complexDouble: .complex128
        case .bool: .bool
        }
    }

    /// Whether a type of ONNX is floating point of another precision than single.
    static func isOtherFloat(_ type: ONNXModel.ElementType) -> Bool { type == .double || type == .float16 || type == .bfloat16 }

    /// The type of ONNX with fewer digits that a cast to this one rounds to; nil for other types.
    var rounding: ONNXModel.ElementType? { self == .half ? .float16 : self == .bfloat16 ? .bfloat16 : nil }

    /// The smallest type that holds the numbers of both; that of floating point if one is.
    static func promoted(_ a: TorchType, _ b: TorchType) -> TorchType {
        if a == b || b == .bool { return a }
        if a == .bool { return b }
        if a.isComplex || b.isComplex {
            let both: Set = [a, b]
            return both.contains(.complexDouble) || both.contains(.double) ? .complexDouble : .complexFloat
        }
        if a.isFloating != b.isFloating { return a.isFloating ? a : b }
        if a.isFloating {
            if a == .double || b == .double { return .double }
            // Half precision of the two kinds has single precision in common.
            return .float
        }
        let widths: [TorchType: Int] = [.int8: 1, .int16: 2, .int32: 4, .int64: 8, .uint8: 1]
        let (first, second) = (widths[a] ?? 8, widths[b] ?? 8)
        if first == second { return .int16 }
        return first > second ? a : b
    }

    /// What takes part in arithmetic: tensors with dimensions decide the type, then those of a single number, then numbers in code; others count
    /// only if they are of a higher kind.
    struct Operand {
        enum Rank: Int { case number, single, dimensioned }
        let type: TorchType
        let rank: Rank
    }

    /// The type that arithmetic on some operands is done in.
    static func result(of operands: [Operand]) -> TorchType {
        func joined(_ rank: Operand.Rank) -> TorchType? {
            operands.filter { $0.rank == rank }.map { rank == .number && $0.type.isFloating ? standard : $0.type }
                .reduce(nil as TorchType?) { sum, type in sum.map { promoted($0, type) } ?? type }
        }
        func combined(_ higher: TorchType?, _ lower: TorchType?) -> TorchType? {
            guard let higher else { return lower }
            guard let lower else { return higher }
            if higher.isComplex || higher.isFloating && !lower.isComplex { return higher }
            if higher == .bool || lower.isFloating || lower.isComplex { return promoted(higher, lower) }
            return higher
        }
        return combined(joined(.dimensioned), combined(joined(.single), joined(.number))) ?? standard
    }
}
