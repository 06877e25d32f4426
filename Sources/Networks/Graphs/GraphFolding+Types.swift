import Checkpoints
import Text

/// Known numbers as their types hold them.
extension GraphFolding {
    /// Operators that compute numbers; others only move them.
    private static let computing: Set<String> = [
        "Cast", "Neg", "Abs", "Sqrt", "Floor", "Ceil", "Exp", "Reciprocal", "CumSum", "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Range",
        "ReduceProd", "ReduceSum",
    ]

    /// What an operator has computed, rounded to its type.
    ///
    /// - Throws: ``Problem`` for whole numbers that cannot be followed exactly.
    static func held(_ numbers: Numbers, of node: ONNXModel.Node, in type: ONNXModel.ElementType) throws(Problem) -> Numbers {
        guard computing.contains(node.operation) else { return numbers }
        // Bounds that mean "to the end" are the largest numbers of all.
        if node.operation == "Cast", type == .int64, numbers.values.allSatisfy({ $0 == $0.rounded() && $0.isFinite }) { return numbers }
        var values = numbers.values
        for place in values.indices { values[place] = try held(values[place], in: type) }
        return Numbers(numbers.shape, values)
    }

    /// Whole numbers divided: towards 0, with the remainder of the sign of `a` and that of the sign of `b`, which is not 0.
    static func quotient(_ a: Double, _ b: Double) -> (quotient: Double, remainder: Double, modulo: Double) {
        let (x, y) = (GraphNumbers.integer(a), GraphNumbers.integer(b))
        let rest = x.remainderReportingOverflow(dividingBy: y).partialValue
        let isOpposite = rest != 0 && (rest < 0) != (y < 0)
        return (Double(x.dividedReportingOverflow(by: y).partialValue), Double(rest), Double(isOpposite ? rest + y : rest))
    }

    private static func held(_ value: Double, in type: ONNXModel.ElementType) throws(Problem) -> Double {
        switch type {
        case .float: return Double(Float(value))
        case .float16: return Double(ElementCurve(.halfPrecision, name: "float16").value(Float(value)))
        case .bfloat16: return Double(ElementCurve(.brainPrecision, name: "bfloat16").value(Float(value)))
        case .bool: return value != 0 ? 1 : 0
        case .int64, .int32, .int16, .int8, .uint8, .uint16, .uint32, .uint64:
            guard abs(value) <= 9_007_199_254_740_992 else {
                throw Problem("whole numbers that are not followed exactly", expected: "at most 2^53", found: "\(value)")
            }
            let whole = Int64(value)
            switch type {
            case .int32: return Double(Int32(truncatingIfNeeded: whole))
            case .int16: return Double(Int16(truncatingIfNeeded: whole))
            case .int8: return Double(Int8(truncatingIfNeeded: whole))
            case .uint8: return Double(UInt8(truncatingIfNeeded: whole))
            case .uint16: return Double(UInt16(truncatingIfNeeded: whole))
            case .uint32: return Double(UInt32(truncatingIfNeeded: whole))
            default: return Double(whole)
            }
        default: return value
        }
    }
}
